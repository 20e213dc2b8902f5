# What the tree takes from Debian 12; README.md says why each is there.

find_package(Threads REQUIRED)
# Static: a plugin carries what it needs and nothing of it shows.
set(Boost_USE_STATIC_LIBS ON)
find_package(Boost 1.81.0 CONFIG REQUIRED COMPONENTS json program_options)
find_package(OpenSSL REQUIRED)
find_package(SQLite3 3.37 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(prometheus-cpp REQUIRED COMPONENTS core)
find_package(yaml-cpp 0.7 REQUIRED)
if(TENON_TESTS)
  find_package(GTest REQUIRED)
  find_package(benchmark REQUIRED)
endif()
find_path(TENON_TOMLPP_INCLUDE toml++/toml.h REQUIRED)
find_path(TENON_ELF_INCLUDE gelf.h REQUIRED)
find_library(TENON_ELF_LIBRARY elf REQUIRED)

add_library(tenon_tomlpp INTERFACE)
target_include_directories(tenon_tomlpp SYSTEM INTERFACE ${TENON_TOMLPP_INCLUDE})
# TOML++ is compiled once, in host/config/toml.cc.
target_compile_definitions(tenon_tomlpp INTERFACE TOML_HEADER_ONLY=0 TOML_EXCEPTIONS=0)
