//! The vocabulary table: a file that holds a WordPiece tokenizer so that a load parses next to
//! nothing. All numbers are little-endian and 32 bits wide unless said otherwise:
//!
//!   magic (8 bytes), checksum of all that follows (64 bits), then the sizes of the sections:
//!   entries, slots, bytes of blob, bytes of rest
//!   ids      [entries]      ascending
//!   offsets  [entries + 1]  of each entry's token in the blob
//!   slots    [slots]        open addressing: EMPTY, or tag << 24 | entry
//!   blob                    the tokens, end to end
//!   rest                    JSON: the stages around the model and the model's settings
//!
//! A reader trusts nothing: `Table::read` checks every number that a lookup will use.

use std::mem::size_of;

use super::pipeline::Result;

const MAGIC: &[u8; 8] = b"TENTOK\x00\x01"; // the last byte is the layout's version
const HEADER: usize = 32;
const EMPTY: u32 = u32::MAX;
const MAX_ENTRIES: usize = (1 << 24) - 1;

/// Hash of a token that can be continued byte by byte, so that all prefixes of a word cost one pass.
#[derive(Clone, Copy)]
pub struct Hash(u64);

impl Hash {
    pub fn of(bytes: &[u8]) -> Self {
        bytes
            .iter()
            .fold(Hash(0xcbf2_9ce4_8422_2325), |hash, &byte| hash.with(byte))
    }

    pub fn with(self, byte: u8) -> Self {
        Hash((self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
    }

    /// (first slot to look at, tag)
    fn place(self, slots: usize) -> (usize, u32) {
        let mixed = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let slot = (mixed >> 32) as usize & (slots - 1);
        (slot, (mixed >> 24) as u32 & 0xff)
    }
}

/// A table in foreign memory, checked.
pub struct Table {
    ids: &'static [u32],
    offsets: &'static [u32],
    slots: &'static [u32],
    blob: &'static [u8],
    rest: &'static [u8],
}

impl Table {
    pub fn rest(&self) -> &[u8] {
        self.rest
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn entries(&self) -> impl Iterator<Item = (&[u8], u32)> {
        (0..self.len()).map(|entry| (self.token(entry), self.ids[entry]))
    }

    fn token(&self, entry: usize) -> &[u8] {
        &self.blob[self.offsets[entry] as usize..self.offsets[entry + 1] as usize]
    }

    /// The id of the token that is `prefix` followed by `rest`, whose hash is `hash`.
    pub fn find(&self, prefix: &[u8], rest: &[u8], hash: Hash) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let (mut slot, tag) = hash.place(self.slots.len());
        for _ in 0..self.slots.len() {
            let found = self.slots[slot];
            if found == EMPTY {
                return None;
            }
            if found >> 24 == tag {
                let entry = found as usize & MAX_ENTRIES;
                if self.token(entry).strip_prefix(prefix) == Some(rest) {
                    return Some(self.ids[entry]);
                }
            }
            slot = (slot + 1) & mask;
        }
        None
    }

    pub fn token_of(&self, id: u32) -> Option<&[u8]> {
        // Most vocabularies number their tokens 0, 1, 2, …
        let entry = match self.ids.get(id as usize) {
            Some(&same) if same == id => id as usize,
            _ => self.ids.binary_search(&id).ok()?,
        };
        Some(self.token(entry))
    }

    pub fn read(bytes: &'static [u8]) -> Result<Self> {
        if bytes.len() < HEADER || &bytes[..8] != MAGIC {
            return Err("not a tokenizer table of this version".into());
        }
        // Safety: any bit pattern is a u32, and align_to keeps to the bounds.
        let (before, words, _) = unsafe { bytes.align_to::<u32>() };
        if !before.is_empty() {
            return Err("the tokenizer table is not aligned to 4 bytes".into());
        }
        let sizes = [words[4], words[5], words[6], words[7]].map(|size| size as usize);
        let [entries, slots, blob_size, rest_size] = sizes;
        let numbers = entries + entries + 1 + slots;
        let expected = HEADER + numbers * size_of::<u32>() + blob_size + rest_size;
        if bytes.len() != expected {
            return Err(format!(
                "the tokenizer table has {} bytes, expected {expected}",
                bytes.len()
            )
            .into());
        }
        if u64::from_le_bytes(bytes[8..16].try_into()?) != checksum(&bytes[16..]) {
            return Err("the tokenizer table is damaged: its checksum is wrong".into());
        }
        let (ids, words) = words[HEADER / size_of::<u32>()..].split_at(entries);
        let (offsets, words) = words.split_at(entries + 1);
        let (blob, rest) = bytes[expected - blob_size - rest_size..].split_at(blob_size);
        let table = Table {
            ids,
            offsets,
            slots: &words[..slots],
            blob,
            rest,
        };
        table.check()?;
        Ok(table)
    }

    fn check(&self) -> Result<()> {
        // Without early exits, so that the compiler can look at many numbers at once.
        let in_order = all(self.ids.windows(2).map(|pair| pair[0] < pair[1]))
            & all(self.offsets.windows(2).map(|pair| pair[0] <= pair[1]));
        let in_blob = self.offsets[self.len()] as usize <= self.blob.len();
        let entries = self.len() as u32;
        let known = |slot: u32| (slot == EMPTY) | ((slot & MAX_ENTRIES as u32) < entries);
        let reachable =
            self.slots.len().is_power_of_two() && all(self.slots.iter().map(|&slot| known(slot)));
        if in_order && in_blob && reachable {
            Ok(())
        } else {
            Err("the tokenizer table is damaged: a number in it points nowhere".into())
        }
    }
}

fn all(conditions: impl Iterator<Item = bool>) -> bool {
    conditions.fold(true, |all, condition| all & condition)
}

/// The bytes of a table over `vocabulary` (token, id), ids distinct.
pub fn write(mut vocabulary: Vec<(String, u32)>, rest: &[u8]) -> Result<Vec<u8>> {
    if vocabulary.len() > MAX_ENTRIES {
        return Err(format!(
            "{} tokens, expected at most {MAX_ENTRIES}",
            vocabulary.len()
        )
        .into());
    }
    vocabulary.sort_unstable_by_key(|(_, id)| *id);
    let mut offsets = vec![0u32];
    let mut blob = Vec::new();
    let mut slots = vec![EMPTY; (vocabulary.len() * 2).next_power_of_two()];
    for (entry, (token, _)) in vocabulary.iter().enumerate() {
        let (mut slot, tag) = Hash::of(token.as_bytes()).place(slots.len());
        while slots[slot] != EMPTY {
            slot = (slot + 1) & (slots.len() - 1);
        }
        slots[slot] = tag << 24 | entry as u32;
        blob.extend_from_slice(token.as_bytes());
        offsets.push(u32::try_from(blob.len())?);
    }

    let sizes = [vocabulary.len(), slots.len(), blob.len(), rest.len()];
    let mut body = Vec::new();
    for size in sizes {
        body.extend(u32::try_from(size)?.to_le_bytes());
    }
    let ids = vocabulary.iter().map(|(_, id)| *id);
    body.extend(ids.chain(offsets).chain(slots).flat_map(u32::to_le_bytes));
    body.extend(blob);
    body.extend(rest);

    let mut file = MAGIC.to_vec();
    file.extend(checksum(&body).to_le_bytes());
    file.extend(body);
    Ok(file)
}

/// Finds damage, not malice. Four lanes, because one would wait for its multiplications.
fn checksum(bytes: &[u8]) -> u64 {
    const K: u64 = 0x9fb2_1c65_1e98_df25;
    let mut lanes = [1u64, 2, 3, 4];
    let mut blocks = bytes.chunks_exact(32);
    for block in blocks.by_ref() {
        for (i, lane) in lanes.iter_mut().enumerate() {
            *lane = (*lane ^ word(&block[8 * i..8 * i + 8]))
                .wrapping_mul(K)
                .rotate_left(29);
        }
    }
    let ends = blocks.remainder().chunks(8).map(word);
    let mix = |sum: u64, value: u64| (sum ^ value).wrapping_mul(K).rotate_left(31);
    lanes.into_iter().chain(ends).fold(bytes.len() as u64, mix)
}

/// Up to eight bytes, the missing ones zero.
fn word(bytes: &[u8]) -> u64 {
    match bytes.try_into() {
        Ok(whole) => u64::from_le_bytes(whole),
        Err(_) => bytes
            .iter()
            .rev()
            .fold(0, |word, &byte| word << 8 | u64::from(byte)),
    }
}
