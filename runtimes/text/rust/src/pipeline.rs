//! One tokenizer: the crate's stages, in the crate's order, with truncation chosen by the call.

use tokenizers::utils::truncation::{truncate_encodings, TruncationDirection, TruncationParams};
use tokenizers::{
    DecoderWrapper, Encoding, Model, NormalizerWrapper, OffsetType, PostProcessor,
    PostProcessorWrapper, PreTokenizer, PreTokenizerWrapper, TokenizerImpl,
};

pub type Result<T> = tokenizers::Result<T>;

pub type Stages<M> =
    TokenizerImpl<M, NormalizerWrapper, PreTokenizerWrapper, PostProcessorWrapper, DecoderWrapper>;

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub id: u32,
    pub type_id: u32,
    pub start: u32,
    pub stop: u32,
    pub special: u32,
}

#[derive(Clone, Copy)]
pub struct Truncation {
    pub max_tokens: usize,
    pub direction: TruncationDirection,
}

#[derive(Clone, Copy)]
pub struct Options {
    pub add_special_tokens: bool,
    pub truncation: Option<Truncation>,
    pub offsets: bool,
}

/// What the C boundary asks of a tokenizer, whatever its model is made of.
pub trait Tokenizer: Send + Sync {
    fn encode(&self, text: &str, options: Options) -> Result<Vec<Token>>;
    fn decode(&self, ids: &[u32], skip_special_tokens: bool) -> Result<String>;
    fn token_to_id(&self, token: &str) -> Option<u32>;
    fn id_to_token(&self, id: u32) -> Option<String>;
    fn vocabulary_size(&self) -> usize;
}

impl<M: Model + Send + Sync> Tokenizer for Stages<M> {
    fn encode(&self, text: &str, options: Options) -> Result<Vec<Token>> {
        encode(self, text, options)
    }

    fn decode(&self, ids: &[u32], skip_special_tokens: bool) -> Result<String> {
        TokenizerImpl::decode(self, ids, skip_special_tokens)
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        TokenizerImpl::token_to_id(self, token)
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        TokenizerImpl::id_to_token(self, id)
    }

    fn vocabulary_size(&self) -> usize {
        vocabulary_size(self)
    }
}

/// The crate's own count copies the whole vocabulary.
pub fn vocabulary_size<M: Model>(stages: &Stages<M>) -> usize {
    let model = stages.get_model();
    let added = stages.get_added_vocabulary().get_vocab().keys();
    model.get_vocab_size()
        + added
            .filter(|token| model.token_to_id(token).is_none())
            .count()
}

/// `TokenizerImpl::encode` keeps truncation in the tokenizer, hence for all callers: this is the
/// same without that and without padding.
pub fn encode<M: Model>(stages: &Stages<M>, text: &str, options: Options) -> Result<Vec<Token>> {
    let mut pieces = stages
        .get_added_vocabulary()
        .extract_and_normalize(stages.get_normalizer(), text);
    if let Some(pre_tokenizer) = stages.get_pre_tokenizer() {
        pre_tokenizer.pre_tokenize(&mut pieces)?;
    }
    pieces.tokenize(|word| stages.get_model().tokenize(word.get()))?;
    let offsets = if options.offsets {
        OffsetType::Byte
    } else {
        OffsetType::None
    };
    let encoding = pieces.into_encoding(None, 0, offsets)?;

    let encoding = truncate(stages.get_post_processor(), encoding, options)?;
    let encoding = match stages.get_post_processor() {
        Some(processor) => processor.process(encoding, None, options.add_special_tokens)?,
        None => encoding,
    };
    Ok(tokens(&encoding))
}

/// How many tokens of the text itself may stay.
pub fn room(processor: Option<&PostProcessorWrapper>, options: Options) -> Option<usize> {
    let truncation = options.truncation?;
    let added = match processor {
        Some(processor) if options.add_special_tokens => processor.added_tokens(false),
        _ => 0,
    };
    Some(truncation.max_tokens.saturating_sub(added))
}

fn truncate(
    processor: Option<&PostProcessorWrapper>,
    encoding: Encoding,
    options: Options,
) -> Result<Encoding> {
    let (Some(max_length), Some(truncation)) = (room(processor, options), options.truncation)
    else {
        return Ok(encoding);
    };
    let params = TruncationParams {
        direction: truncation.direction,
        max_length,
        ..Default::default()
    };
    let (mut encoding, _) = truncate_encodings(encoding, None, &params)?;
    encoding.take_overflowing(); // nobody asks for the rest, and it would be post-processed too
    Ok(encoding)
}

pub fn tokens(encoding: &Encoding) -> Vec<Token> {
    let ids = encoding.get_ids().iter();
    let places = encoding.get_type_ids().iter().zip(encoding.get_offsets());
    ids.zip(places)
        .zip(encoding.get_special_tokens_mask())
        .map(|((&id, (&type_id, &(start, stop))), &special)| Token {
            id,
            type_id,
            start: start as u32,
            stop: stop as u32,
            special,
        })
        .collect()
}
