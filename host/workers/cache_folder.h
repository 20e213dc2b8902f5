#pragma once

#include <string>

#include "host/domain/error.h"
#include "host/workers/descriptor.h"
#include "host/workers/host_table.h"

namespace tenon::workers {

// One cache folder, for a pair of plugin and model, as the host holds it.
class CacheFolder : public Cache {
 public:
  // Makes the folder where needed.
  static Result<CacheFolder> open_at(const std::string& path);

  tenon_code open(std::string_view name, std::int32_t& fd, std::uint64_t& size) override;
  tenon_code create(std::string_view name, std::int32_t& fd) override;
  // Takes only what create() gave: a file without a name on the same file system. Replaces an older
  // file of that name at once.
  tenon_code publish(std::string_view name, std::int32_t fd) override;

  int fd() const { return folder_.get(); }

 private:
  explicit CacheFolder(Descriptor folder) : folder_(std::move(folder)) {}
  Descriptor folder_;
};

// `open` of a folder by its descriptor; also what a worker does for itself.
tenon_code open_cached(int folder, std::string_view name, std::int32_t& fd, std::uint64_t& size);

// Changes when any file of a model folder does: 32 hexadecimal digits of names, devices, inodes,
// sizes, mtimes and ctimes.
Result<std::string> origin_identity(const std::string& model_path);

}  // namespace tenon::workers
