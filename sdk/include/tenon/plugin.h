/* tenon/plugin.h: the interface between Tenon and a runtime plugin. Draft of 1.0.
 *
 * A plugin is one shared library that exports one function, tenon_plugin_v1(). The host reads the
 * descriptor that it returns, agrees on a version, passes in a table of host functions and receives
 * a table of plugin functions. A plugin links to nothing of the host. It cannot tell whether it
 * runs in the host process or in a worker.
 *
 *   tenon_plugin_v1 → create → probe / estimate (any time, from metadata alone)
 *                            → prepare → load → submit … → drain → unload → release → destroy
 *
 * Versions. Host and plugin must have the same major, and each must be at least what the other asks
 *   for (abi_minor_min). A table or struct begins with its size and only ever grows at its tail.
 * Its reader copies the smaller of both sizes into a zeroed struct of its own: what an older peer
 * does not have reads as null or zero. Functions marked "optional" may be null; all others exist
 * since 1.0. Reserved words are zero.
 *
 * Threads. Every function names its role:
 *   [control]          one call at a time for each plugin, on a thread of the host;
 *   [instance-serial]  one call at a time for each instance;
 *   [any]              from any thread, also several at once.
 *   Roles are no OS threads: two [control] calls may come from two threads. Host functions never
 * call back into the plugin before they return.
 *
 * Ownership. Everything that a call receives (strings, headers, body segments, structs) is borrowed
 *   for that call, in both directions: copy what must live longer. Plugin objects are opaque
 * pointers that only the plugin reads. Requests are 64-bit ids with a generation: a stale id is
 * answered with TENON_NOT_FOUND, never with a crash.
 *
 * Errors. Functions return a tenon_code; where they also take a tenon_error, they fill it. Nothing
 * is thrown across the boundary; plugin.hpp catches at every entry.
 *
 * Forbidden in a plugin: setenv, signal handlers, fork, exec, exit, chdir, writing to stdout or
 * stderr.
 *
 * Strings are UTF-8, pointer and length, without a terminating zero. Times are CLOCK_MONOTONIC
 * nanoseconds. Sizes are bytes. The layout assumes 64-bit pointers.
 */
#ifndef TENON_PLUGIN_H
#define TENON_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define TENON_NOEXCEPT noexcept
#define TENON_STATIC_ASSERT static_assert
extern "C" {
#else
#define TENON_NOEXCEPT
#define TENON_STATIC_ASSERT _Static_assert
#endif

#define TENON_EXPORT __attribute__((visibility("default")))

#define TENON_ABI_MAJOR 1u
#define TENON_ABI_MINOR 0u
#define TENON_MAGIC 0x314E4E54u /* "TNN1" */

/* ---- values ---- */

typedef struct tenon_str {
  const char* data; /* may be null when size is 0 */
  uint64_t size;
} tenon_str;

typedef struct tenon_bytes {
  const uint8_t* data;
  uint64_t size;
} tenon_bytes;

typedef struct tenon_pair { /* a header (lower-case name), an option, an environment value */
  tenon_str name;
  tenon_str value;
} tenon_pair;

typedef int32_t tenon_code;
enum {
  TENON_OK = 0,
  TENON_CANCELLED = 1, /* the caller gave up; also the final answer to a cancelled request */
  TENON_INVALID = 3,   /* the argument, option, model or message is wrong; trying again is vain */
  TENON_DEADLINE = 4,  /* the time was up */
  TENON_NOT_FOUND = 5, /* no such request, key, extension */
  TENON_EXHAUSTED = 8, /* out of memory, threads, space */
  TENON_PRECONDITION = 9,   /* called in the wrong state or order */
  TENON_UNIMPLEMENTED = 12, /* never here */
  TENON_INTERNAL = 13,      /* a defect of the side that answers */
  TENON_UNAVAILABLE = 14,   /* not now */
  TENON_WOULD_BLOCK = 100   /* no room or no credit at the moment; nothing was taken */
};

enum {
  TENON_ERROR_RETRYABLE = 1u,       /* the same request may succeed elsewhere or later */
  TENON_ERROR_INSTANCE_DEAD = 2u,   /* this instance answers nothing any more */
  TENON_ERROR_PROCESS_POISONED = 4u /* the process must end (a device context is lost, say) */
};

/* Caller-owned and inline: no allocator, no owner, the same bytes through shared memory. */
typedef struct tenon_error {
  uint32_t struct_size;
  tenon_code code;
  uint32_t flags;        /* TENON_ERROR_… */
  uint32_t message_size; /* at most sizeof message; a longer text is cut */
  char message[496];     /* what was found and what was expected */
} tenon_error;

typedef uint64_t tenon_request_id; /* host-owned: index and generation; 0 is none */
typedef uint32_t tenon_metric;     /* host-owned; 0 is a metric that records nothing */

typedef struct tenon_host tenon_host;       /* the host's context for one plugin in one process */
typedef struct tenon_runtime tenon_runtime; /* plugin-owned: the plugin, created once per process */
typedef struct tenon_prepared tenon_prepared; /* plugin-owned: a model read, not yet on a lease */
typedef struct tenon_instance tenon_instance; /* plugin-owned: a model that serves */

/* ---- models and leases ---- */

/* What to serve: a folder that is complete and does not change while an instance uses it. */
typedef struct tenon_model_source {
  uint32_t struct_size;
  uint32_t n_options;
  tenon_str path;            /* absolute path of the model folder */
  tenon_str name;            /* the model's name, for messages and answers */
  const tenon_pair* options; /* checked against the manifest's list; defaults filled in */
} tenon_model_source;

typedef struct tenon_probe {
  uint32_t struct_size;
  uint32_t score;       /* 0: cannot serve it … 100: made for it */
  uint32_t reason_size; /* at most sizeof reason */
  uint32_t reserved;
  char reason[496]; /* why, in a sentence for the operator */
} tenon_probe;

enum { TENON_MEMORY_HOST = 1u, TENON_MEMORY_CUDA = 3u };

typedef struct tenon_estimate {
  uint32_t struct_size;
  uint32_t threads;      /* useful at most; 0: as many as there are */
  uint64_t host_bytes;   /* private host memory after load, with the largest batch */
  uint64_t mapped_bytes; /* file pages that should stay in the page cache */
  uint64_t device_bytes; /* on each device of the lease */
} tenon_estimate;

typedef struct tenon_device {
  uint32_t struct_size;
  int32_t ordinal; /* as this process numbers it */
  tenon_str uuid;
  tenon_str flavor;      /* "gpu/h100" */
  uint64_t memory_bytes; /* budget on this device */
} tenon_device;

/* What an instance may use, and nothing beside it. */
typedef struct tenon_lease {
  uint32_t struct_size;
  uint32_t threads;            /* compute threads, at least 1 */
  uint64_t memory_bytes;       /* host memory budget; 0: not limited */
  tenon_str flavor;            /* "cpu/x86" or the devices' flavor */
  tenon_str cpus;              /* "0-3,8"; empty: all that the process may use */
  const tenon_device* devices; /* n_devices × device_stride bytes */
  uint32_t n_devices;
  uint32_t device_stride; /* sizeof the host's tenon_device */
} tenon_lease;

/* ---- requests and responses: HTTP-shaped ---- */

enum {
  TENON_REQUEST_BODY_COMPLETE = 1u /* body holds all of it: body() will not be called */
};

typedef struct tenon_request {
  uint32_t struct_size;
  uint32_t flags; /* TENON_REQUEST_… */
  tenon_request_id id;
  uint64_t arrival_ns;  /* when the host had read the head */
  uint64_t deadline_ns; /* 0: none */
  uint64_t credit;      /* body bytes of the answer that the host takes before more credit() */
  uint8_t trace_id[16]; /* W3C trace context; zeros: none */
  uint8_t span_id[8];
  /* Non-zero once the request is cancelled; read it with a relaxed atomic load. Valid until the
   * final response. */
  const uint32_t* cancel_word;
  tenon_str method;          /* "POST" */
  tenon_str path;            /* below the endpoint, begins with '/'; percent-encoded as received */
  tenon_str query;           /* without '?' */
  tenon_str request_id;      /* what logs and the client call this request */
  const tenon_pair* headers; /* lower-case names, order and repeats kept, no credentials */
  const tenon_bytes* body;   /* the segments that have arrived so far */
  uint32_t n_headers;
  uint32_t n_body;
} tenon_request;

enum {
  TENON_BODY_LAST = 1u /* flags of body(): nothing follows */
};

enum {
  TENON_RESPONSE_FINAL = 1u /* the last message of this request */
};

/* One message of an answer. The first carries a status and headers, or an error instead; each may
 * carry body segments; the last carries TENON_RESPONSE_FINAL. A small answer is one message. */
typedef struct tenon_response {
  uint32_t struct_size;
  uint32_t flags;     /* TENON_RESPONSE_… */
  uint32_t status;    /* 200 … 599 in the first message, 0 in later ones */
  uint32_t n_headers; /* only beside a status; no connection, transfer-encoding, date */
  const tenon_pair* headers;
  const tenon_bytes* body; /* segments, sent in order */
  uint32_t n_body;
  uint32_t reserved;
  /* With FINAL only, without status or body. Before the head the host makes an error answer of it;
   * after the head it cuts the stream, so that the client sees that the answer is not whole. */
  const tenon_error* error;
} tenon_response;

enum { TENON_LOG_DEBUG = 1, TENON_LOG_INFO = 2, TENON_LOG_WARN = 3, TENON_LOG_ERROR = 4 };
enum { TENON_METRIC_COUNTER = 1, TENON_METRIC_GAUGE = 2, TENON_METRIC_HISTOGRAM = 3 };

/* ---- what the host offers ---- */

typedef struct tenon_host_api {
  uint32_t struct_size;
  uint32_t abi_major;
  uint32_t abi_minor;
  uint32_t reserved;
  tenon_host* host; /* first argument of every function below */

  /* [any] A table by name and revision ("tenon.cache/1"), or null. Lives as long as the process. */
  const void* (*get_extension)(tenon_host*, tenon_str name)TENON_NOEXCEPT;

  /* [any] Whether log() would keep a line of this level: ask before building a costly one. */
  int32_t (*log_enabled)(tenon_host*, int32_t level) TENON_NOEXCEPT;
  /* [any] One line; request is 0 or the request that it is about. */
  void (*log)(tenon_host*, int32_t level, tenon_str message,
              tenon_request_id request) TENON_NOEXCEPT;

  /* [control: during load] Defines a metric; the host adds labels and removes it with the instance.
   * name: snake_case with its unit as suffix. bounds: upper bounds of a histogram's buckets,
   * rising, without infinity. Returns 0, which records nothing, when there are too many. */
  tenon_metric (*metric_define)(tenon_host*, int32_t kind, tenon_str name, tenon_str help,
                                const double* bounds, uint32_t n_bounds) TENON_NOEXCEPT;
  /* [any, wait-free] Adds to a counter, sets a gauge, observes into a histogram. */
  void (*metric_record)(tenon_host*, tenon_metric, double value) TENON_NOEXCEPT;

  /* [any] A value of the deployment's environment; TENON_NOT_FOUND. *value lives as long as the
   * process. */
  tenon_code (*env_get)(tenon_host*, tenon_str key, tenon_str* value) TENON_NOEXCEPT;

  /* [any] What the instance holds now, by its own count; kind is TENON_MEMORY_…, device an ordinal
   * or -1. */
  void (*report_memory)(tenon_host*, uint32_t kind, int32_t device, uint64_t bytes) TENON_NOEXCEPT;
  /* [any: during prepare and load] done: 0 … 1; what: the stage in a word ("map", "upload").
   * Progress also shows that a long load is alive. */
  void (*load_progress)(tenon_host*, double done, tenon_str what) TENON_NOEXCEPT;

  /* [any, serial per request] Sends one message of an answer; everything is copied before it
   * returns. May wait for the host to make room, never for the client. TENON_WOULD_BLOCK   the body
   * is larger than the credit left: nothing was taken, credit() follows; TENON_NOT_FOUND     no
   * such request, or it had its final message; TENON_CANCELLED     the client is gone: only a final
   * message is taken any more; TENON_INVALID       the message breaks a rule of tenon_response;
   * nothing was taken. */
  tenon_code (*respond)(tenon_host*, tenon_request_id, const tenon_response*) TENON_NOEXCEPT;
  /* [any] Counts tokens for policies and metrics; before the final message. Adds up. */
  tenon_code (*report_usage)(tenon_host*, tenon_request_id, uint64_t input_tokens,
                             uint64_t output_tokens) TENON_NOEXCEPT;
  /* [any] Lets the client send more of a request's body: bytes given back from what submit() and
   * body() brought. The host keeps at most a fixed window (TENON_UPLOAD_WINDOW) on its way. */
  tenon_code (*consume)(tenon_host*, tenon_request_id, uint64_t bytes) TENON_NOEXCEPT;

  /* [any] The instance is broken: no further request will come, unload follows. */
  void (*fault)(tenon_host*, tenon_instance*, const tenon_error*) TENON_NOEXCEPT;
} tenon_host_api;

/* Body bytes of one request that may be under way to a plugin that has not consumed them. */
#define TENON_UPLOAD_WINDOW 262144u

/* ---- what a plugin offers ---- */

enum {
  TENON_FEATURE_FORK_SAFE = 1u,       /* create and prepare start no thread and touch no device: the
                                         process may be forked after them */
  TENON_FEATURE_CONCURRENT_LOAD = 2u, /* load may run for several models at once */
  TENON_FEATURE_STREAMS = 4u          /* answers may come in several messages */
};

typedef struct tenon_plugin_api {
  uint32_t struct_size;
  uint32_t abi_minor;
  uint64_t features; /* TENON_FEATURE_… */

  /* [any, optional] A table by name and revision, or null. */
  const void* (*get_extension)(tenon_runtime*, tenon_str name)TENON_NOEXCEPT;

  /* [control] Whether, and how well, this plugin serves what lies in the folder. Reads metadata
   * only, answers within a second, trusts nothing that it reads. A folder that it cannot serve is
   * score 0 with the reason, not an error. */
  tenon_code (*probe)(tenon_runtime*, const tenon_model_source*, tenon_probe*,
                      tenon_error*) TENON_NOEXCEPT;
  /* [control] What the model will take, from metadata alone. */
  tenon_code (*estimate)(tenon_runtime*, const tenon_model_source*, tenon_estimate*,
                         tenon_error*) TENON_NOEXCEPT;

  /* [control] Reads what needs no lease: no thread, no device. What it makes may serve several
   * loads, also in processes forked afterwards. */
  tenon_code (*prepare)(tenon_runtime*, const tenon_model_source*, tenon_prepared**,
                        tenon_error*) TENON_NOEXCEPT;
  /* [control] Makes an instance within the lease. *cancel_word turns non-zero when the host gives
   * up: return TENON_CANCELLED soon. After an error nothing is left behind. The prepared model
   * outlives the instance. */
  tenon_code (*load)(tenon_runtime*, tenon_prepared*, const tenon_lease*,
                     const uint32_t* cancel_word, tenon_instance**, tenon_error*) TENON_NOEXCEPT;

  /* [instance-serial] Hands over requests; must not block. The first *accepted of them belong to
   * the plugin, which owes each exactly one final message; the rest stays with the host, which
   * comes again after an answer. TENON_WOULD_BLOCK with *accepted < n is a normal result. */
  tenon_code (*submit)(tenon_instance*, const tenon_request* const* requests, uint32_t n,
                       uint32_t* accepted) TENON_NOEXCEPT;
  /* [instance-serial, optional: without it the host hands over only complete bodies] The next
   * segments of a request's body; must not block. */
  void (*body)(tenon_instance*, tenon_request_id, const tenon_bytes* segments, uint32_t n,
               uint32_t flags) TENON_NOEXCEPT;
  /* [any, optional: without it an answer must fit the first credit] The host takes this many bytes
   * more of a request's answer. */
  void (*credit)(tenon_instance*, tenon_request_id, uint64_t bytes) TENON_NOEXCEPT;
  /* [any, optional: cancel_word tells the same] The client is gone or the time is up. The plugin
   * still owes one final message (TENON_CANCELLED will do). Also comes for requests already
   * answered. */
  void (*cancel)(tenon_instance*, tenon_request_id) TENON_NOEXCEPT;

  /* [control, optional] Finish what was accepted; nothing new comes. TENON_DEADLINE when time was
   * up. */
  tenon_code (*drain)(tenon_instance*, uint64_t deadline_ns) TENON_NOEXCEPT;
  /* [control, optional] Give back caches and scratch, wanted bytes if possible; *freed says how
   * many. */
  tenon_code (*trim)(tenon_instance*, uint32_t kind, uint64_t wanted,
                     uint64_t* freed) TENON_NOEXCEPT;
  /* [any, optional] TENON_OK while the instance can serve. Cheap: asked about once a second. */
  tenon_code (*health)(tenon_instance*, tenon_error*) TENON_NOEXCEPT;

  /* [control] Ends an instance. Requests still open get a final error first. When it returns, no
   * thread of the instance calls the host any more. */
  void (*unload)(tenon_instance*) TENON_NOEXCEPT;
  /* [control] Ends what prepare() made; after the last unload that used it. */
  void (*release)(tenon_runtime*, tenon_prepared*) TENON_NOEXCEPT;
  /* [control] The last call. */
  void (*destroy)(tenon_runtime*) TENON_NOEXCEPT;
} tenon_plugin_api;

typedef struct tenon_plugin_descriptor {
  uint32_t struct_size;
  uint32_t magic;         /* TENON_MAGIC */
  uint32_t abi_major;     /* TENON_ABI_MAJOR of the header it was built with */
  uint32_t abi_minor;     /* TENON_ABI_MINOR of that header */
  uint32_t abi_minor_min; /* the oldest host minor that it can work with */
  uint32_t reserved;
  tenon_str id; /* as in the manifest: "tei" */
  tenon_str version;
  tenon_str build_info; /* compiler, flags, source revision */
  /* [control] Starts the plugin in this process: no thread, no device. The host table outlives the
   * runtime; *api points to static memory. */
  tenon_code (*create)(const tenon_host_api*, const tenon_plugin_api** api, tenon_runtime**,
                       tenon_error*) TENON_NOEXCEPT;
} tenon_plugin_descriptor;

/* The only exported symbol. Pure: static data, no thread, no I/O, no allocation. */
TENON_EXPORT const tenon_plugin_descriptor* tenon_plugin_v1(void) TENON_NOEXCEPT;

/* ---- golden layout: a reordered or inserted field fails the build of both sides ---- */

TENON_STATIC_ASSERT(sizeof(tenon_pair) == 32, "abi 1.0");
TENON_STATIC_ASSERT(sizeof(tenon_error) == 512, "abi 1.0");
TENON_STATIC_ASSERT(sizeof(tenon_probe) == 512, "abi 1.0");
TENON_STATIC_ASSERT(sizeof(tenon_model_source) == 48, "abi 1.0");
TENON_STATIC_ASSERT(sizeof(tenon_estimate) == 32, "abi 1.0");
TENON_STATIC_ASSERT(sizeof(tenon_device) == 48, "abi 1.0");
TENON_STATIC_ASSERT(sizeof(tenon_lease) == 64, "abi 1.0");
TENON_STATIC_ASSERT(sizeof(tenon_request) == 160, "abi 1.0");
TENON_STATIC_ASSERT(offsetof(tenon_request, cancel_word) == 64, "abi 1.0");
TENON_STATIC_ASSERT(offsetof(tenon_request, headers) == 136, "abi 1.0");
TENON_STATIC_ASSERT(sizeof(tenon_response) == 48, "abi 1.0");
TENON_STATIC_ASSERT(offsetof(tenon_host_api, respond) == 88, "abi 1.0");
TENON_STATIC_ASSERT(sizeof(tenon_host_api) == 120, "abi 1.0");
TENON_STATIC_ASSERT(offsetof(tenon_plugin_api, submit) == 56, "abi 1.0");
TENON_STATIC_ASSERT(sizeof(tenon_plugin_api) == 136, "abi 1.0");
TENON_STATIC_ASSERT(sizeof(tenon_plugin_descriptor) == 80, "abi 1.0");

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* TENON_PLUGIN_H */
