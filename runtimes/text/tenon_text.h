/* The C ABI of libtenon_text.a (rust/src/lib.rs). C++ uses tokenizer.h instead.
 *
 * Every function is safe to call from any thread and never unwinds. A function that returns a
 * status fills its out-parameters on TENON_TEXT_OK only, and *error otherwise; either is freed with
 * the function that matches its type. Strings are UTF-8, not terminated. */
#ifndef TENON_TEXT_H
#define TENON_TEXT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int32_t tenon_text_status;
#define TENON_TEXT_OK 0
#define TENON_TEXT_INVALID 1     /* the text, ids, JSON or table cannot be used */
#define TENON_TEXT_UNSUPPORTED 2 /* a model kind that has no table */
#define TENON_TEXT_INTERNAL 3    /* a panic, but while a file is read: that is INVALID */

/* Immutable. */
typedef struct tenon_text_tokenizer tenon_text_tokenizer;

/* Owned by whoever receives it; tenon_text_bytes_free. */
typedef struct tenon_text_bytes {
  uint8_t* data;
  size_t size;
} tenon_text_bytes;

typedef struct tenon_text_token {
  uint32_t id;
  uint32_t type_id;
  uint32_t start; /* bytes [start, stop) of the text */
  uint32_t stop;
  uint32_t special; /* 1: added by the post-processor */
} tenon_text_token;

/* Owned by whoever receives it; tenon_text_tokens_free. */
typedef struct tenon_text_tokens {
  tenon_text_token* data;
  size_t size;
} tenon_text_tokens;

#define TENON_TEXT_KEEP_ALL 0
#define TENON_TEXT_DROP_LEFT 1
#define TENON_TEXT_DROP_RIGHT 2

typedef struct tenon_text_options {
  uint32_t add_special_tokens; /* 0 or 1 */
  uint32_t truncation;         /* TENON_TEXT_KEEP_ALL, … */
  size_t max_tokens;           /* special tokens included */
} tenon_text_options;

tenon_text_status tenon_text_from_json(const uint8_t* json, size_t size,
                                       tenon_text_tokenizer** tokenizer, tenon_text_bytes* error);
/* The bytes of a table file. */
tenon_text_status tenon_text_make_table(const uint8_t* json, size_t size, tenon_text_bytes* table,
                                        tenon_text_bytes* error);
/* The table, aligned to 4 bytes, is borrowed until the tokenizer is freed. */
tenon_text_status tenon_text_from_table(const uint8_t* table, size_t size,
                                        tenon_text_tokenizer** tokenizer, tenon_text_bytes* error);
void tenon_text_free(tenon_text_tokenizer* tokenizer);

tenon_text_status tenon_text_encode(const tenon_text_tokenizer* tokenizer, const uint8_t* text,
                                    size_t size, const tenon_text_options* options,
                                    tenon_text_tokens* tokens, tenon_text_bytes* error);
/* Writes the first `capacity` ids; *count is how many there are in all. */
tenon_text_status tenon_text_encode_ids(const tenon_text_tokenizer* tokenizer, const uint8_t* text,
                                        size_t size, const tenon_text_options* options,
                                        uint32_t* ids, size_t capacity, size_t* count,
                                        tenon_text_bytes* error);
tenon_text_status tenon_text_decode(const tenon_text_tokenizer* tokenizer, const uint32_t* ids,
                                    size_t count, int32_t skip_special_tokens,
                                    tenon_text_bytes* text, tenon_text_bytes* error);

/* 1 and *id, or 0: no such token. */
int32_t tenon_text_token_to_id(const tenon_text_tokenizer* tokenizer, const uint8_t* token,
                               size_t size, uint32_t* id);
/* 1 and *token, or 0: no such id. */
int32_t tenon_text_id_to_token(const tenon_text_tokenizer* tokenizer, uint32_t id,
                               tenon_text_bytes* token);
/* Distinct tokens, added ones included. */
size_t tenon_text_vocabulary_size(const tenon_text_tokenizer* tokenizer);

void tenon_text_bytes_free(tenon_text_bytes bytes);
void tenon_text_tokens_free(tenon_text_tokens tokens);

#ifdef __cplusplus
}
#endif
#endif /* TENON_TEXT_H */
