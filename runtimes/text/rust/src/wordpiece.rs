//! The crate's WordPiece model over a table in foreign memory: the same ids, offsets and errors.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokenizers::models::wordpiece::Error;
use tokenizers::{AddedToken, Model, Token, Trainer};

use super::pipeline::Result;
use super::table::{Hash, Table};

#[derive(Deserialize, Serialize)]
pub struct Settings {
    pub unk_token: String,
    pub continuing_subword_prefix: String,
    pub max_input_chars_per_word: usize,
}

pub struct WordPiece {
    table: Table,
    settings: Settings,
    unknown: Option<u32>,
    start: Hash,
    continued: Hash,
}

/// Part of a word: bytes [start, stop) of it.
#[derive(Clone, Copy)]
pub struct Piece {
    pub id: u32,
    pub start: usize,
    pub stop: usize,
}

impl WordPiece {
    pub fn new(table: Table, settings: Settings) -> Self {
        let unknown = settings.unk_token.as_bytes();
        WordPiece {
            unknown: table.find(&[], unknown, Hash::of(unknown)),
            start: Hash::of(&[]),
            continued: Hash::of(settings.continuing_subword_prefix.as_bytes()),
            table,
            settings,
        }
    }

    /// Adds the pieces of a word, or the unknown token for all of it.
    pub fn split(&self, word: &str, pieces: &mut Vec<Piece>) -> Result<()> {
        let before = pieces.len();
        if word.chars().count() > self.settings.max_input_chars_per_word
            || !self.split_known(word, pieces)
        {
            pieces.truncate(before);
            let id = self.unknown.ok_or(Error::MissingUnkToken)?;
            pieces.push(Piece {
                id,
                start: 0,
                stop: word.len(),
            });
        }
        Ok(())
    }

    /// Longest match first. False: some part of the word is no token.
    fn split_known(&self, word: &str, pieces: &mut Vec<Piece>) -> bool {
        let mut ends = Vec::new(); // (stop, hash) of every prefix of what is left, shortest first
        let mut start = 0;
        while start < word.len() {
            let (prefix, mut hash) = if start == 0 {
                (&[][..], self.start)
            } else {
                (
                    self.settings.continuing_subword_prefix.as_bytes(),
                    self.continued,
                )
            };
            ends.clear();
            for (at, &byte) in word.as_bytes().iter().enumerate().skip(start) {
                hash = hash.with(byte);
                if word.is_char_boundary(at + 1) {
                    ends.push((at + 1, hash));
                }
            }
            let longest = ends.iter().rev().find_map(|&(stop, hash)| {
                let id = self
                    .table
                    .find(prefix, &word.as_bytes()[start..stop], hash)?;
                Some(Piece { id, start, stop })
            });
            let Some(piece) = longest else { return false };
            pieces.push(piece);
            start = piece.stop;
        }
        true
    }

    fn text(&self, id: u32) -> Option<String> {
        let token = self.table.token_of(id)?;
        Some(String::from_utf8_lossy(token).into_owned())
    }
}

impl Model for WordPiece {
    type Trainer = NoTrainer;

    fn tokenize(&self, sequence: &str) -> Result<Vec<Token>> {
        let mut pieces = Vec::new();
        self.split(sequence, &mut pieces)?;
        let token = |piece: Piece| {
            Token::new(
                piece.id,
                self.text(piece.id).unwrap_or_default(),
                (piece.start, piece.stop),
            )
        };
        Ok(pieces.into_iter().map(token).collect())
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        self.table
            .find(&[], token.as_bytes(), Hash::of(token.as_bytes()))
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        self.text(id)
    }

    fn get_vocab(&self) -> HashMap<String, u32> {
        let entry = |(token, id)| (String::from_utf8_lossy(token).into_owned(), id);
        self.table.entries().map(entry).collect()
    }

    fn get_vocab_size(&self) -> usize {
        self.table.len()
    }

    fn save(&self, _folder: &Path, _prefix: Option<&str>) -> Result<Vec<PathBuf>> {
        Err("a mapped vocabulary is not saved".into())
    }

    fn get_trainer(&self) -> NoTrainer {
        NoTrainer
    }
}

/// The trait asks for a trainer; a mapped vocabulary is never trained.
pub struct NoTrainer;

impl Trainer for NoTrainer {
    type Model = WordPiece;

    fn should_show_progress(&self) -> bool {
        false
    }

    fn train(&self, _model: &mut WordPiece) -> Result<Vec<AddedToken>> {
        Err("a mapped vocabulary is not trained".into())
    }

    fn feed<I, S, F>(&mut self, _iterator: I, _process: F) -> Result<()>
    where
        I: Iterator<Item = S> + Send,
        S: AsRef<str> + Send,
        F: Fn(&str) -> Result<Vec<String>> + Sync,
    {
        Err("a mapped vocabulary is not trained".into())
    }
}
