//! The C ABI that `../tenon_text.h` declares. Nothing here decides anything: it checks pointers,
//! catches panics and hands memory over.

mod ascii;
mod mapped;
mod pipeline;
mod table;
mod wordpiece;

use std::any::Any;
use std::panic::{catch_unwind, set_hook, AssertUnwindSafe};
use std::slice;
use std::sync::Once;

use pipeline::{Options, Token, Tokenizer, Truncation};
use tokenizers::utils::parallelism::set_parallelism;
use tokenizers::utils::truncation::TruncationDirection;

const OK: i32 = 0;
const INVALID: i32 = 1;
const UNSUPPORTED: i32 = 2;
const INTERNAL: i32 = 3;

pub struct Handle(Box<dyn Tokenizer>);

#[repr(C)]
pub struct Bytes {
    data: *mut u8,
    size: usize,
}

#[repr(C)]
pub struct Tokens {
    data: *mut Token,
    size: usize,
}

#[repr(C)]
pub struct RawOptions {
    add_special_tokens: u32,
    truncation: u32,
    max_tokens: usize,
}

/// A status and the sentence that goes with it.
struct Failure(i32, String);

impl From<tokenizers::Error> for Failure {
    fn from(error: tokenizers::Error) -> Self {
        Failure(INVALID, error.to_string())
    }
}

impl Bytes {
    fn give(bytes: Vec<u8>) -> Self {
        let bytes = Box::leak(bytes.into_boxed_slice());
        Bytes {
            data: bytes.as_mut_ptr(),
            size: bytes.len(),
        }
    }
}

fn panic_text(payload: Box<dyn Any + Send>) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    format!(
        "the tokenizer library gave up: {}",
        text.unwrap_or("no message")
    )
}

/// Runs one entry point: its value goes to `out`, or its failure, a panic included, to `error`.
unsafe fn enter<T>(
    out: *mut T,
    error: *mut Bytes,
    body: impl FnOnce() -> Result<T, Failure>,
) -> i32 {
    finish(out, error, INTERNAL, catch_unwind(AssertUnwindSafe(body)))
}

/// The same for what reads a file: the crate panics at some that it cannot use.
unsafe fn enter_load<T>(
    out: *mut T,
    error: *mut Bytes,
    body: impl FnOnce() -> Result<T, Failure>,
) -> i32 {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| set_hook(Box::new(|_| {}))); // the error says it; stderr is not ours
    set_parallelism(false); // a pool's threads would not survive a fork
    finish(out, error, INVALID, catch_unwind(AssertUnwindSafe(body)))
}

unsafe fn finish<T>(
    out: *mut T,
    error: *mut Bytes,
    panicked: i32,
    result: std::thread::Result<Result<T, Failure>>,
) -> i32 {
    match result.unwrap_or_else(|payload| Err(Failure(panicked, panic_text(payload)))) {
        Ok(value) => {
            out.write(value);
            OK
        }
        Err(Failure(status, message)) => {
            error.write(Bytes::give(message.into_bytes()));
            status
        }
    }
}

/// C may pass a null pointer for nothing; Rust may not.
unsafe fn view<'a, T>(data: *const T, size: usize) -> &'a [T] {
    if size == 0 {
        &[]
    } else {
        slice::from_raw_parts(data, size)
    }
}

unsafe fn text_view<'a>(data: *const u8, size: usize) -> Result<&'a str, Failure> {
    if size > u32::MAX as usize {
        return Err(Failure(
            INVALID,
            format!("the text has {size} bytes, expected fewer than 2^32"),
        ));
    }
    std::str::from_utf8(view(data, size))
        .map_err(|e| Failure(INVALID, format!("the text is not UTF-8: {e}")))
}

impl RawOptions {
    fn read(&self, offsets: bool) -> Options {
        let direction = match self.truncation {
            1 => Some(TruncationDirection::Left),
            2 => Some(TruncationDirection::Right),
            _ => None,
        };
        Options {
            add_special_tokens: self.add_special_tokens != 0,
            truncation: direction.map(|direction| Truncation {
                max_tokens: self.max_tokens,
                direction,
            }),
            offsets,
        }
    }
}

fn handle(tokenizer: impl Tokenizer + 'static) -> *mut Handle {
    Box::into_raw(Box::new(Handle(Box::new(tokenizer))))
}

#[no_mangle]
pub unsafe extern "C" fn tenon_text_from_json(
    json: *const u8,
    size: usize,
    tokenizer: *mut *mut Handle,
    error: *mut Bytes,
) -> i32 {
    enter_load(tokenizer, error, || {
        let tokenizer = tokenizers::Tokenizer::from_bytes(view(json, size))?;
        Ok(handle(tokenizer.into_inner()))
    })
}

#[no_mangle]
pub unsafe extern "C" fn tenon_text_make_table(
    json: *const u8,
    size: usize,
    table: *mut Bytes,
    error: *mut Bytes,
) -> i32 {
    enter_load(table, error, || {
        let unsupported = "only a WordPiece vocabulary with one token for each id has a table";
        let table = mapped::write(view(json, size))?;
        table
            .map(Bytes::give)
            .ok_or_else(|| Failure(UNSUPPORTED, unsupported.to_string()))
    })
}

/// The caller keeps the table alive and unchanged until `tenon_text_free`.
#[no_mangle]
pub unsafe extern "C" fn tenon_text_from_table(
    table: *const u8,
    size: usize,
    tokenizer: *mut *mut Handle,
    error: *mut Bytes,
) -> i32 {
    enter_load(tokenizer, error, || {
        Ok(handle(mapped::read(view(table, size))?))
    })
}

#[no_mangle]
pub unsafe extern "C" fn tenon_text_free(tokenizer: *mut Handle) {
    if !tokenizer.is_null() {
        let _ = catch_unwind(AssertUnwindSafe(|| drop(Box::from_raw(tokenizer))));
    }
}

#[no_mangle]
pub unsafe extern "C" fn tenon_text_encode(
    tokenizer: &Handle,
    text: *const u8,
    size: usize,
    options: &RawOptions,
    tokens: *mut Tokens,
    error: *mut Bytes,
) -> i32 {
    enter(tokens, error, || {
        let encoded = tokenizer
            .0
            .encode(text_view(text, size)?, options.read(true))?;
        let encoded = Box::leak(encoded.into_boxed_slice());
        Ok(Tokens {
            data: encoded.as_mut_ptr(),
            size: encoded.len(),
        })
    })
}

#[no_mangle]
pub unsafe extern "C" fn tenon_text_encode_ids(
    tokenizer: &Handle,
    text: *const u8,
    size: usize,
    options: &RawOptions,
    ids: *mut u32,
    capacity: usize,
    count: *mut usize,
    error: *mut Bytes,
) -> i32 {
    enter(count, error, || {
        let encoded = tokenizer
            .0
            .encode(text_view(text, size)?, options.read(false))?;
        for (i, token) in encoded.iter().take(capacity).enumerate() {
            ids.add(i).write(token.id);
        }
        Ok(encoded.len())
    })
}

#[no_mangle]
pub unsafe extern "C" fn tenon_text_decode(
    tokenizer: &Handle,
    ids: *const u32,
    count: usize,
    skip_special_tokens: i32,
    text: *mut Bytes,
    error: *mut Bytes,
) -> i32 {
    enter(text, error, || {
        let decoded = tokenizer
            .0
            .decode(view(ids, count), skip_special_tokens != 0)?;
        Ok(Bytes::give(decoded.into_bytes()))
    })
}

#[no_mangle]
pub unsafe extern "C" fn tenon_text_token_to_id(
    tokenizer: &Handle,
    token: *const u8,
    size: usize,
    id: *mut u32,
) -> i32 {
    let found = catch_unwind(AssertUnwindSafe(|| {
        let token = std::str::from_utf8(view(token, size)).ok()?;
        tokenizer.0.token_to_id(token)
    }));
    match found {
        Ok(Some(found)) => {
            id.write(found);
            1
        }
        _ => 0,
    }
}

#[no_mangle]
pub unsafe extern "C" fn tenon_text_id_to_token(
    tokenizer: &Handle,
    id: u32,
    token: *mut Bytes,
) -> i32 {
    match catch_unwind(AssertUnwindSafe(|| tokenizer.0.id_to_token(id))) {
        Ok(Some(found)) => {
            token.write(Bytes::give(found.into_bytes()));
            1
        }
        _ => 0,
    }
}

#[no_mangle]
pub unsafe extern "C" fn tenon_text_vocabulary_size(tokenizer: &Handle) -> usize {
    catch_unwind(AssertUnwindSafe(|| tokenizer.0.vocabulary_size())).unwrap_or(0)
}

#[no_mangle]
pub unsafe extern "C" fn tenon_text_bytes_free(bytes: Bytes) {
    if !bytes.data.is_null() {
        drop(Box::from_raw(slice::from_raw_parts_mut(
            bytes.data, bytes.size,
        )));
    }
}

#[no_mangle]
pub unsafe extern "C" fn tenon_text_tokens_free(tokens: Tokens) {
    if !tokens.data.is_null() {
        drop(Box::from_raw(slice::from_raw_parts_mut(
            tokens.data,
            tokens.size,
        )));
    }
}
