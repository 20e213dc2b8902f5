#include "host/plugins/pin.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>

#include "host/plugins/library.h"

namespace tenon::plugins {

Result<std::string> sha256_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Code::kNotFound, path + ": cannot be read");
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  bool hashed = context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
  std::array<char, 65536> block;
  while (hashed && file) {
    file.read(block.data(), block.size());
    hashed =
        EVP_DigestUpdate(context.get(), block.data(), static_cast<std::size_t>(file.gcount())) == 1;
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  if (!hashed || file.bad() || EVP_DigestFinal_ex(context.get(), digest.data(), &size) != 1) {
    return fail(Code::kInternal, path + ": its SHA-256 could not be computed");
  }
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text += "0123456789abcdef"[digest[i] >> 4];
    text += "0123456789abcdef"[digest[i] & 15];
  }
  return text;
}

Result<std::string> check_pin(const std::string& library, const PluginGrant& grant) {
  if (grant.sha256.empty()) return "";
  const std::string identity = file_identity(library);
  const auto found = sha256_of(library);
  if (!found) return std::unexpected(found.error());
  if (*found != grant.sha256) {
    return fail(Code::kInvalid, library + ": its SHA-256 is " + *found +
                                    ", but the [[plugin]] table of '" + grant.name + "' pins " +
                                    grant.sha256);
  }
  if (file_identity(library) != identity) {
    return fail(Code::kUnavailable, library + ": changed while its SHA-256 was computed", true);
  }
  return identity;
}

Result<void> check_pins(std::span<const Manifest> plugins, std::span<const PluginGrant> grants) {
  for (const PluginGrant& grant : grants) {
    const auto plugin = std::ranges::find(plugins, grant.name, &Manifest::id);
    if (plugin == plugins.end()) continue;
    const auto checked = check_pin(plugin->library, grant);
    if (!checked) return std::unexpected(checked.error());
  }
  return {};
}

}  // namespace tenon::plugins
