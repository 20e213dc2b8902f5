#include "sdk/validator/library_facts.h"

#include <fcntl.h>
#include <gelf.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <string_view>

namespace tenon::validator {
namespace {

// The libelf handle of a file, for as long as it is read.
class ElfFile {
 public:
  explicit ElfFile(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    elf_version(EV_CURRENT);
    if (fd_ >= 0) elf_ = elf_begin(fd_, ELF_C_READ, nullptr);
  }
  ~ElfFile() {
    if (elf_) elf_end(elf_);
    if (fd_ >= 0) close(fd_);
  }
  ElfFile(const ElfFile&) = delete;
  ElfFile& operator=(const ElfFile&) = delete;

  bool is_open() const { return fd_ >= 0; }
  bool is_shared_library() const {
    GElf_Ehdr header;
    return elf_ && elf_kind(elf_) == ELF_K_ELF && gelf_getehdr(elf_, &header) &&
           header.e_type == ET_DYN;
  }
  Elf* get() const { return elf_; }

  // `visit` gets the header and the data of each section of this type.
  template <class Visit>
  void sections(GElf_Word type, Visit visit) const {
    for (Elf_Scn* s = elf_nextscn(elf_, nullptr); s; s = elf_nextscn(elf_, s)) {
      GElf_Shdr header;
      if (!gelf_getshdr(s, &header) || header.sh_type != type) continue;
      if (Elf_Data* data = elf_getdata(s, nullptr)) visit(header, data);
    }
  }
  std::string text(const GElf_Shdr& section, std::size_t offset) const {
    const char* found = elf_strptr(elf_, section.sh_link, offset);
    return found ? found : "";
  }

 private:
  int fd_;
  Elf* elf_ = nullptr;
};

std::size_t count(const GElf_Shdr& section) {
  return section.sh_entsize == 0 ? 0 : section.sh_size / section.sh_entsize;
}

void read_symbols(const ElfFile& file, LibraryFacts& out) {
  file.sections(SHT_DYNSYM, [&](const GElf_Shdr& section, Elf_Data* data) {
    for (std::size_t i = 0; i < count(section); ++i) {
      GElf_Sym symbol;
      if (!gelf_getsym(data, static_cast<int>(i), &symbol)) break;
      const auto binding = GELF_ST_BIND(symbol.st_info);
      if (symbol.st_shndx == SHN_UNDEF || binding == STB_LOCAL) continue;
      std::string name = file.text(section, symbol.st_name);
      if (binding == STB_GNU_UNIQUE) out.unique.push_back(name);
      out.exported.push_back(std::move(name));
    }
  });
}

void split_paths(std::string_view joined, std::vector<std::string>& out) {
  while (!joined.empty()) {
    const auto end = std::min(joined.find(':'), joined.size());
    out.emplace_back(joined.substr(0, end));
    joined.remove_prefix(std::min(end + 1, joined.size()));
  }
}

void read_dynamic(const ElfFile& file, LibraryFacts& out) {
  file.sections(SHT_DYNAMIC, [&](const GElf_Shdr& section, Elf_Data* data) {
    for (std::size_t i = 0; i < count(section); ++i) {
      GElf_Dyn entry;
      if (!gelf_getdyn(data, static_cast<int>(i), &entry) || entry.d_tag == DT_NULL) break;
      const auto value = entry.d_un.d_val;
      if (entry.d_tag == DT_NEEDED) out.needed.push_back(file.text(section, value));
      if (entry.d_tag == DT_RUNPATH || entry.d_tag == DT_RPATH) {
        split_paths(file.text(section, value), out.run_paths);
      }
      if (entry.d_tag == DT_TEXTREL) out.text_relocations = true;
      if (entry.d_tag != DT_FLAGS) continue;
      if (value & DF_STATIC_TLS) out.static_tls = true;
      if (value & DF_TEXTREL) out.text_relocations = true;
    }
  });
}

// Without PT_GNU_STACK the loader makes the stack executable.
void read_stack(const ElfFile& file, LibraryFacts& out) {
  out.executable_stack = true;
  std::size_t n = 0;
  elf_getphdrnum(file.get(), &n);
  for (std::size_t i = 0; i < n; ++i) {
    GElf_Phdr header;
    if (!gelf_getphdr(file.get(), static_cast<int>(i), &header)) return;
    if (header.p_type == PT_GNU_STACK) out.executable_stack = (header.p_flags & PF_X) != 0;
  }
}

std::vector<unsigned> numbers(std::string_view version) {
  std::vector<unsigned> out;
  while (!version.empty()) {
    unsigned n = 0;
    const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), n);
    if (error != std::errc()) break;
    out.push_back(n);
    version.remove_prefix(static_cast<std::size_t>(end - version.data()));
    if (version.starts_with('.')) version.remove_prefix(1);
  }
  return out;
}

void keep_newest(std::string_view version, std::string_view prefix, std::string& newest) {
  if (!version.starts_with(prefix)) return;
  version.remove_prefix(prefix.size());
  if (numbers(version) > numbers(newest)) newest = version;
}

void read_versions(const ElfFile& file, LibraryFacts& out) {
  file.sections(SHT_GNU_verneed, [&](const GElf_Shdr& section, Elf_Data* data) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < section.sh_info; ++i) {
      GElf_Verneed library;
      if (!gelf_getverneed(data, static_cast<int>(at), &library)) break;
      std::size_t entry = at + library.vn_aux;
      for (unsigned j = 0; j < library.vn_cnt; ++j) {
        GElf_Vernaux version;
        if (!gelf_getvernaux(data, static_cast<int>(entry), &version)) break;
        const std::string name = file.text(section, version.vna_name);
        keep_newest(name, "GLIBC_", out.newest_glibc);
        keep_newest(name, "GLIBCXX_", out.newest_glibcxx);
        entry += version.vna_next;
      }
      at += library.vn_next;
    }
  });
}

}  // namespace

std::expected<LibraryFacts, std::string> read_library(const std::string& path) {
  const ElfFile file(path);
  if (!file.is_open()) return std::unexpected(path + ": " + std::strerror(errno));
  if (!file.is_shared_library()) return std::unexpected(path + ": is no shared library");
  LibraryFacts out;
  read_symbols(file, out);
  read_dynamic(file, out);
  read_stack(file, out);
  read_versions(file, out);
  return out;
}

}  // namespace tenon::validator
