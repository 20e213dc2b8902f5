# How everything in the tree is compiled, and the helpers that each folder's list uses.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(TENON_PLUGIN_DIR ${PROJECT_BINARY_DIR}/plugins)

set(TENON_SANITIZE "" CACHE STRING "Sanitizers for -fsanitize=, e.g. address,undefined")

find_program(TENON_CCACHE ccache)
if(TENON_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${TENON_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${TENON_CCACHE})
endif()

find_program(TENON_MOLD mold)
if(TENON_MOLD)
  add_link_options(-fuse-ld=mold)
else()
  add_link_options(-fuse-ld=lld)
endif()

add_compile_options(-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Werror -fno-omit-frame-pointer)
add_link_options(-Wl,-z,now -Wl,-z,relro -Wl,-z,noexecstack)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG -D_FORTIFY_SOURCE=2")
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG -D_FORTIFY_SOURCE=2")
# Line tables are enough for a stack trace and halve what the sanitizer builds write.
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -gline-tables-only")
set(CMAKE_C_FLAGS_DEBUG "-O1 -gline-tables-only")

if(TENON_SANITIZE)
  add_compile_options(-fsanitize=${TENON_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TENON_SANITIZE})
  add_compile_definitions(TENON_SANITIZED=1)
  if(TENON_SANITIZE MATCHES "address")
    add_compile_definitions(TENON_ASAN=1)
    set(TENON_FUZZ ON)
  endif()
  if(TENON_SANITIZE MATCHES "thread")
    add_compile_definitions(TENON_TSAN=1)
  endif()
endif()

# A static library of one folder. Headers are included by their path from the root: "host/domain/…".
#   tenon_library(tenon_domain SOURCES error.cc … DEPS fmt::fmt …)
function(tenon_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/sdk/include)
  target_link_libraries(${name} PUBLIC ${ARG_DEPS})
  if(TENON_FUZZ)  # fuzz targets are led by what they reach here, too
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

# A GoogleTest program, run by ctest as one test per program (fast) under the given label.
#   tenon_test(domain_test SOURCES error_test.cc DEPS tenon_domain LABELS unit)
# Labels: unit (every preset), host (needs the built host; release and asan), slow (left out by --fast).
add_custom_target(unit_tests)
function(tenon_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/sdk/include)
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  if("unit" IN_LIST ARG_LABELS)
    add_dependencies(unit_tests ${name})
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    ENVIRONMENT "TENON_BUILD_DIR=${PROJECT_BINARY_DIR};TENON_SOURCE_DIR=${PROJECT_SOURCE_DIR}")
endfunction()

# A libFuzzer target over a committed corpus (asan preset only); ctest runs it for TENON_FUZZ_SECONDS.
#   tenon_fuzzer(config_fuzz SOURCES config_fuzz.cc DEPS tenon_config CORPUS corpus/config)
set(TENON_FUZZ_SECONDS 60 CACHE STRING "How long ctest runs each fuzz target")
function(tenon_fuzzer name)
  if(NOT TENON_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "CORPUS" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/sdk/include)
  target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
  # New inputs go to the build folder; the committed corpus is read only.
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz/found/${name})
  add_test(NAME ${name} COMMAND ${name} -max_total_time=${TENON_FUZZ_SECONDS} -rss_limit_mb=2048
    -timeout=10 -print_final_stats=0 -verbosity=0
    ${PROJECT_BINARY_DIR}/fuzz/found/${name} ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_CORPUS})
  set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 300)
endfunction()

# A plugin: one .so with one exported symbol and its manifest, in its own folder under build/plugins.
#   tenon_plugin(tei SOURCES … DEPS … MANIFEST tenon-plugin.toml)
function(tenon_plugin name)
  cmake_parse_arguments(ARG "" "MANIFEST;DESTINATION" "SOURCES;DEPS" ${ARGN})
  cmake_path(ABSOLUTE_PATH ARG_MANIFEST)
  if(NOT ARG_DESTINATION)
    set(ARG_DESTINATION ${TENON_PLUGIN_DIR}/${name})
  endif()
  add_library(${name}_plugin MODULE ${ARG_SOURCES})
  target_include_directories(${name}_plugin PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/sdk/include)
  target_link_libraries(${name}_plugin PRIVATE ${ARG_DEPS})
  # One exported symbol, no unique symbols, nothing taken from the host: sdk/README.md says why.
  target_compile_options(${name}_plugin PRIVATE -fvisibility=hidden
    $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
  target_link_options(${name}_plugin PRIVATE
    -Wl,--version-script=${PROJECT_SOURCE_DIR}/sdk/plugin.map -Wl,--exclude-libs,ALL)
  if(NOT TENON_SANITIZE)
    target_link_options(${name}_plugin PRIVATE -Wl,-z,defs)
  endif()
  set_target_properties(${name}_plugin PROPERTIES PREFIX "" OUTPUT_NAME tenon_${name}
    LIBRARY_OUTPUT_DIRECTORY ${ARG_DESTINATION} BUILD_RPATH "\$ORIGIN" INSTALL_RPATH "\$ORIGIN"
    LINK_DEPENDS "${PROJECT_SOURCE_DIR}/sdk/plugin.map;${ARG_MANIFEST}")
  # The manifest comes with the library: a folder with one but not the other is a broken plugin.
  add_custom_command(TARGET ${name}_plugin POST_BUILD
    COMMAND ${CMAKE_COMMAND} -E copy_if_different ${ARG_MANIFEST} ${ARG_DESTINATION}/tenon-plugin.toml)
endfunction()
