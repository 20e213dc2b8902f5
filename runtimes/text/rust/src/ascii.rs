//! A short cut for most English text. The crate's stages keep an alignment for every character; for
//! plain ASCII under BERT's normalizer and pre-tokenizer each byte stands for itself, so that words
//! can be cut in place. Whatever is not that plain is left to the stages.

use tokenizers::utils::truncation::TruncationDirection;
use tokenizers::{
    AddedToken, Encoding, NormalizerWrapper, PostProcessor, PostProcessorWrapper,
    PreTokenizerWrapper, Token as ModelToken,
};

use super::pipeline::{room, tokens, Options, Result, Stages, Token};
use super::wordpiece::{Piece, WordPiece};

pub struct Ascii {
    lowercase: bool,
    added: Vec<String>,
    starts_added: [bool; 128],
    bare: Frame,
    framed: Frame,
}

/// What the post-processor puts around a text.
struct Frame {
    before: Vec<Token>,
    after: Vec<Token>,
    type_id: u32,
}

impl Ascii {
    /// None: this tokenizer's stages do more than the short cut knows.
    pub fn new(stages: &Stages<WordPiece>, added: &[AddedToken]) -> Option<Self> {
        let Some(NormalizerWrapper::BertNormalizer(normalizer)) = stages.get_normalizer() else {
            return None;
        };
        let Some(PreTokenizerWrapper::BertPreTokenizer(_)) = stages.get_pre_tokenizer() else {
            return None;
        };
        let added = raw_contents(added)?;
        let mut starts_added = [false; 128];
        for token in &added {
            if let Some(start) = starts_added.get_mut(usize::from(token.as_bytes()[0])) {
                *start = true;
            }
        }
        let processor = stages.get_post_processor();
        normalizer.clean_text.then_some(Ascii {
            lowercase: normalizer.lowercase,
            added,
            starts_added,
            bare: Frame::of(processor, false)?,
            framed: Frame::of(processor, true)?,
        })
    }

    /// None: the text needs the stages.
    pub fn encode(
        &self,
        stages: &Stages<WordPiece>,
        text: &str,
        options: Options,
    ) -> Option<Result<Vec<Token>>> {
        let text = self.plain(text)?;
        let room = room(stages.get_post_processor(), options).unwrap_or(usize::MAX);
        let left = options
            .truncation
            .is_some_and(|truncation| truncation.direction == TruncationDirection::Left);
        // Cut from the right, the rest need not be looked at.
        let pieces = match cut(
            stages.get_model(),
            &text,
            if left { usize::MAX } else { room },
        ) {
            Ok(pieces) => pieces,
            Err(error) => return Some(Err(error)),
        };
        let kept = if left {
            &pieces[pieces.len().saturating_sub(room)..]
        } else {
            &pieces[..pieces.len().min(room)]
        };
        let frame = if options.add_special_tokens {
            &self.framed
        } else {
            &self.bare
        };
        Some(Ok(frame.around(kept)))
    }

    /// The text as the normalizer would leave it, byte for byte in the same place.
    fn plain(&self, text: &str) -> Option<String> {
        let bytes = text.as_bytes();
        for (at, &byte) in bytes.iter().enumerate() {
            match byte {
                b'\t' | b'\n' | b'\r' | b' '..=b'~' => {}
                _ => return None,
            }
            if self.starts_added[usize::from(byte)]
                && self
                    .added
                    .iter()
                    .any(|token| bytes[at..].starts_with(token.as_bytes()))
            {
                return None;
            }
        }
        Some(if self.lowercase {
            text.to_ascii_lowercase()
        } else {
            text.to_owned()
        })
    }
}

/// None: one of them is matched after normalisation.
fn raw_contents(added: &[AddedToken]) -> Option<Vec<String>> {
    added
        .iter()
        .filter(|token| !token.content.is_empty())
        .map(|token| (!token.normalized).then(|| token.content.clone()))
        .collect()
}

/// Words and single punctuation marks, each split by the model, at least `enough` pieces if there
/// are as many.
fn cut(model: &WordPiece, text: &str, enough: usize) -> Result<Vec<Piece>> {
    let bytes = text.as_bytes();
    let mut pieces = Vec::with_capacity(enough.min(bytes.len() / 3 + 8));
    let mut at = 0;
    while at < bytes.len() && pieces.len() < enough {
        let start = at;
        at += 1;
        if bytes[start].is_ascii_whitespace() {
            continue;
        }
        if !bytes[start].is_ascii_punctuation() {
            while at < bytes.len() && bytes[at].is_ascii_alphanumeric() {
                at += 1;
            }
        }
        let first = pieces.len();
        model.split(&text[start..at], &mut pieces)?;
        for piece in &mut pieces[first..] {
            piece.start += start;
            piece.stop += start;
        }
    }
    Ok(pieces)
}

impl Frame {
    /// Found by letting the post-processor frame one token that it cannot know.
    fn of(processor: Option<&PostProcessorWrapper>, add_special_tokens: bool) -> Option<Self> {
        const PROBE: Token = Token {
            id: u32::MAX,
            type_id: 0,
            start: 3,
            stop: 7,
            special: 0,
        };
        let probe = ModelToken::new(PROBE.id, "probe".to_owned(), (3, 7));
        let mut framed = tokens(&match processor {
            None => Encoding::from_tokens(vec![probe], 0),
            Some(
                processor @ (PostProcessorWrapper::Bert(_) | PostProcessorWrapper::Template(_)),
            ) => {
                let encoding = Encoding::from_tokens(vec![probe], 0);
                processor.process(encoding, None, add_special_tokens).ok()?
            }
            Some(_) => return None, // may move offsets
        });
        let at = framed.iter().position(|token| token.id == PROBE.id)?;
        let after = framed.split_off(at + 1);
        let middle = framed.pop()?;
        let once = after.iter().all(|token| token.id != PROBE.id);
        let untouched = Token {
            type_id: middle.type_id,
            ..PROBE
        } == middle;
        (once && untouched).then_some(Frame {
            before: framed,
            after,
            type_id: middle.type_id,
        })
    }

    fn around(&self, pieces: &[Piece]) -> Vec<Token> {
        let mut tokens = Vec::with_capacity(self.before.len() + pieces.len() + self.after.len());
        tokens.extend_from_slice(&self.before);
        tokens.extend(pieces.iter().map(|piece| Token {
            id: piece.id,
            type_id: self.type_id,
            start: piece.start as u32,
            stop: piece.stop as u32,
            special: 0,
        }));
        tokens.extend_from_slice(&self.after);
        tokens
    }
}
