/* tenon.cache/1: files that a plugin makes once for a model and maps on the next load.
 *
 * The host keeps one cache folder for each pair of plugin and origin identity (device, inode, size,
 * mtime and ctime of the model's files): a name stays valid only while the model's files do. Add
 * the layout version and, where it matters, the instruction set to the name ("packed-v1-avx512").
 * Whoever wrote a file, its reader checks it: the content may be cut short or foreign.
 */
#ifndef TENON_EXT_CACHE_H
#define TENON_EXT_CACHE_H

#include "tenon/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TENON_EXT_CACHE "tenon.cache/1"

typedef struct tenon_cache_api {
  uint32_t struct_size;
  uint32_t reserved;
  /* [any] Opens a published file for reading; the caller closes *fd. TENON_NOT_FOUND: not there. */
  tenon_code (*open)(tenon_host*, tenon_str name, int32_t* fd, uint64_t* size) TENON_NOEXCEPT;
  /* [any] A new file without a name, to write into. TENON_UNAVAILABLE: nowhere to keep it (no cache
   * folder, no space): go on without. The caller closes *fd. */
  tenon_code (*create)(tenon_host*, tenon_str name, int32_t* fd) TENON_NOEXCEPT;
  /* [any] Publishes what create() gave, whole and at once. The file must not change afterwards. */
  tenon_code (*publish)(tenon_host*, tenon_str name, int32_t fd) TENON_NOEXCEPT;
} tenon_cache_api;

TENON_STATIC_ASSERT(sizeof(tenon_cache_api) == 32, "abi 1.0");

#ifdef __cplusplus
}
#endif
#endif /* TENON_EXT_CACHE_H */
