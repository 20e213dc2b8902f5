//! A tokenizer made from a table, and the table made from a tokenizer.json.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokenizers::{
    AddedToken, DecoderWrapper, Model, ModelWrapper, NormalizerWrapper, PostProcessorWrapper,
    PreTokenizerWrapper, Tokenizer, TokenizerImpl,
};

use super::ascii::Ascii;
use super::pipeline::{self, Options, Result, Stages, Token};
use super::table::{self, Table};
use super::wordpiece::{Settings, WordPiece};

/// What a tokenizer.json says besides its vocabulary. Its padding and truncation are left out: they
/// are the caller's.
#[derive(Deserialize)]
struct Rest {
    added_tokens: Vec<AddedToken>,
    normalizer: Option<NormalizerWrapper>,
    pre_tokenizer: Option<PreTokenizerWrapper>,
    post_processor: Option<PostProcessorWrapper>,
    decoder: Option<DecoderWrapper>,
    model: Settings,
}

/// The same, to be written: the stages word for word, as only the crate knows what they mean.
#[derive(Serialize)]
struct RestOut<'a> {
    added_tokens: &'a Value,
    normalizer: &'a Value,
    pre_tokenizer: &'a Value,
    post_processor: &'a Value,
    decoder: &'a Value,
    model: Settings,
}

/// None: the model is of a kind that has no table.
pub fn write(json: &[u8]) -> Result<Option<Vec<u8>>> {
    let tokenizer = Tokenizer::from_bytes(json)?; // refuses what the JSON path would refuse
    let ModelWrapper::WordPiece(model) = tokenizer.get_model() else {
        return Ok(None);
    };
    let vocabulary: Vec<_> = model.get_vocab().into_iter().collect();
    let mut ids: Vec<_> = vocabulary.iter().map(|(_, id)| *id).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| pair[0] == pair[1]) {
        return Ok(None); // which of two tokens an id means is then the crate's business
    }

    let source: Value = serde_json::from_slice(json)?;
    let none = Value::Array(Vec::new());
    let rest = RestOut {
        added_tokens: source.get("added_tokens").unwrap_or(&none),
        normalizer: &source["normalizer"],
        pre_tokenizer: &source["pre_tokenizer"],
        post_processor: &source["post_processor"],
        decoder: &source["decoder"],
        model: Settings {
            unk_token: model.unk_token.clone(),
            continuing_subword_prefix: model.continuing_subword_prefix.clone(),
            max_input_chars_per_word: model.max_input_chars_per_word,
        },
    };
    table::write(vocabulary, &serde_json::to_vec(&rest)?).map(Some)
}

pub struct Mapped {
    stages: Stages<WordPiece>,
    ascii: Option<Ascii>,
}

impl pipeline::Tokenizer for Mapped {
    fn encode(&self, text: &str, options: Options) -> Result<Vec<Token>> {
        let short_cut = self.ascii.as_ref();
        short_cut
            .and_then(|ascii| ascii.encode(&self.stages, text, options))
            .unwrap_or_else(|| pipeline::encode(&self.stages, text, options))
    }

    fn decode(&self, ids: &[u32], skip_special_tokens: bool) -> Result<String> {
        self.stages.decode(ids, skip_special_tokens)
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        self.stages.token_to_id(token)
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        self.stages.id_to_token(id)
    }

    fn vocabulary_size(&self) -> usize {
        pipeline::vocabulary_size(&self.stages)
    }
}

pub fn read(bytes: &'static [u8]) -> Result<Mapped> {
    let table = Table::read(bytes)?;
    let rest: Rest = serde_json::from_slice(table.rest())?;
    let mut stages = TokenizerImpl::new(WordPiece::new(table, rest.model));
    stages
        .with_normalizer(rest.normalizer)
        .with_pre_tokenizer(rest.pre_tokenizer)
        .with_post_processor(rest.post_processor)
        .with_decoder(rest.decoder);
    stages.add_tokens(&rest.added_tokens);
    let ascii = Ascii::new(&stages, &rest.added_tokens);
    Ok(Mapped { stages, ascii })
}
