//! Collations: when two strings are equal, and which comes first.
//!
//! A string is folded to bytes that are equal, and ordered, as the collation says.
//!
//! | collations | equality | checked on 9.7.4 with `WEIGHT_STRING` |
//! | --- | --- | --- |
//! | `binary`, `*_bin` | exact; `_bin` other than `_0900_bin` ignores trailing spaces | exact |
//! | `latin1_swedish_ci` | the server's own 256 weights | exact |
//! | `utf8*_general_ci`, `ucs2_…`, `utf16_…`, `utf32_general_ci` | character by character: base letter, upper case, ß = s, all characters beyond U+FFFF equal | exact but for a few rare letters |
//! | `*_0900_*`, `*_unicode_520_ci`, `*_unicode_ci` | decomposed, control characters and diacritics dropped (kept for `_as_`), case folded (kept for `_cs`), ß = ss, æ = ae | Latin, Greek, Cyrillic, kana, digits exact but for rare letters; an approximation elsewhere |
//! | languages' own rules (`utf8mb4_sv_0900_ai_ci`, `utf8mb4_german2_ci`, …) | as the row above | approximation: the tailoring is left out |
//! | any other `_ci` and `_cs` | case folded for `_ci`, accents kept | approximation |
//!
//! All but `binary` and `*_0900_*` are PAD SPACE: trailing spaces do not count. The order is exact for
//! ASCII; other letters come after it in the order of their code points.

use super::charset::Charset;
use super::text::decoded;
use crate::schema::Collation;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// Ranks start here: below are the terminator and the separator of levels.
const FIRST_RANK: u8 = 2;
const LEVEL_SEPARATOR: u8 = 1;

/// ASCII in the order of the Unicode collation algorithm 9.0, both cases of a letter with one rank, 0 for
/// what is ignored.
const ASCII_900: [u8; 128] =
    ranks(b"\t\n\x0b\x0c\r _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz");
/// The same before 9.0, where the accents ` and ^ came right behind the space.
const ASCII_BEFORE: [u8; 128] =
    ranks(b"\t\n\x0b\x0c\r `^_-,;:!?.'\"()[]{}@*/\\&#%+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz");

const fn ranks(order: &[u8]) -> [u8; 128] {
    let mut ranks = [0; 128];
    let mut i = 0;
    while i < order.len() {
        ranks[order[i] as usize] = FIRST_RANK + i as u8;
        ranks[order[i].to_ascii_uppercase() as usize] = FIRST_RANK + i as u8;
        i += 1;
    }
    ranks
}

/// The upper half of `latin1_swedish_ci`; its lower half is ASCII in upper case.
const SWEDISH: [u8; 128] = [
    0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f,
    0x90, 0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f,
    0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf,
    0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xbb, 0xbc, 0xbd, 0xbe, 0xbf,
    0x41, 0x41, 0x41, 0x41, 0x5c, 0x5b, 0x5c, 0x43, 0x45, 0x45, 0x45, 0x45, 0x49, 0x49, 0x49, 0x49,
    0x44, 0x4e, 0x4f, 0x4f, 0x4f, 0x4f, 0x5d, 0xd7, 0xd8, 0x55, 0x55, 0x55, 0x59, 0x59, 0xde, 0xdf,
    0x41, 0x41, 0x41, 0x41, 0x5c, 0x5b, 0x5c, 0x43, 0x45, 0x45, 0x45, 0x45, 0x49, 0x49, 0x49, 0x49,
    0x44, 0x4e, 0x4f, 0x4f, 0x4f, 0x4f, 0x5d, 0xf7, 0xd8, 0x55, 0x55, 0x55, 0x59, 0x59, 0xde, 0xff,
];

/// Versions of the Unicode collation algorithm that MySQL has collations of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Uca {
    /// `*_unicode_ci`: characters beyond U+FFFF are all equal, letters with a stroke are letters of their own.
    V400,
    /// `*_unicode_520_ci`: Cyrillic letters with a diacritic are still letters of their own.
    V520,
    /// `*_0900_*`.
    V900,
}

impl Uca {
    fn ascii(self) -> &'static [u8; 128] {
        if self == Uca::V900 {
            &ASCII_900
        } else {
            &ASCII_BEFORE
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fold {
    Exact,
    Swedish,
    General,
    Unicode { uca: Uca, accents: bool, case: bool },
    Simple { case: bool },
}

#[derive(Clone, Copy, Debug)]
struct Rule {
    fold: Fold,
    pad: bool,
}

fn rule(collation: Option<&Collation>) -> Rule {
    let Some(collation) = collation else {
        return Rule {
            fold: Fold::Exact,
            pad: false,
        };
    };
    let name = &*collation.name;
    if name == "binary" {
        return Rule {
            fold: Fold::Exact,
            pad: false,
        };
    }
    let v0900 = name.contains("_0900_");
    let pad = !v0900;
    let unicode = name.starts_with("utf") || name.starts_with("ucs2");
    let case = name.ends_with("_cs") || name.ends_with("_ks");
    let fold = if name.ends_with("_bin") {
        Fold::Exact
    } else if v0900 {
        let accents = !name.contains("_ai_");
        Fold::Unicode {
            uca: Uca::V900,
            accents,
            case,
        }
    } else if unicode && name.ends_with("_general_ci") {
        Fold::General
    } else if unicode || name.contains("_unicode_") {
        let uca = if name.contains("_520_") {
            Uca::V520
        } else {
            Uca::V400
        };
        Fold::Unicode {
            uca,
            accents: false,
            case,
        }
    } else if name == "latin1_swedish_ci" {
        Fold::Swedish
    } else if name.starts_with("latin1_german")
        || name == "latin1_danish_ci"
        || name == "latin1_spanish_ci"
    {
        Fold::Unicode {
            uca: Uca::V520,
            accents: false,
            case: false,
        }
    } else {
        Fold::Simple {
            case: case || !name.ends_with("_ci"),
        }
    };
    Rule { fold, pad }
}

/// Appends the folded form of the first `prefix` characters of a stored string. Only an exact fold can
/// hold a zero byte.
pub(super) fn fold(
    collation: Option<&Collation>,
    charset: Charset,
    bytes: &[u8],
    prefix: Option<u32>,
    out: &mut Vec<u8>,
) {
    let rule = rule(collation);
    if charset.is_ascii_superset() && bytes.is_ascii() {
        let bytes = &bytes[..prefix.map_or(bytes.len(), |n| bytes.len().min(n as usize))];
        let bytes = if rule.pad { trim_spaces(bytes) } else { bytes };
        if fold_ascii(rule.fold, bytes, out) {
            return;
        }
    }
    let text = decoded(charset, bytes);
    let text = match prefix.and_then(|n| text.char_indices().nth(n as usize)) {
        Some((end, _)) => &text[..end],
        None => &*text,
    };
    let text = if rule.pad {
        text.trim_end_matches(' ')
    } else {
        text
    };
    fold_text(rule.fold, text, out);
}

fn trim_spaces(bytes: &[u8]) -> &[u8] {
    let spaces = bytes.iter().rev().take_while(|&&b| b == b' ').count();
    &bytes[..bytes.len() - spaces]
}

/// `false` (and nothing appended) for a fold that needs more than a table.
fn fold_ascii(fold: Fold, bytes: &[u8], out: &mut Vec<u8>) -> bool {
    match fold {
        Fold::Exact => out.extend_from_slice(bytes),
        Fold::General | Fold::Swedish => out.extend(bytes.iter().map(u8::to_ascii_uppercase)),
        Fold::Unicode {
            uca,
            accents: false,
            case: false,
        } => {
            out.extend(
                bytes
                    .iter()
                    .map(|&b| uca.ascii()[usize::from(b & 0x7f)])
                    .filter(|&rank| rank > 0),
            );
        }
        _ => return false,
    }
    true
}

fn fold_text(fold: Fold, text: &str, out: &mut Vec<u8>) {
    match fold {
        Fold::Exact => out.extend_from_slice(text.as_bytes()),
        Fold::Swedish => {
            let mut bytes = Vec::with_capacity(text.len());
            // Text of a latin1 column has no other characters; of a damaged one, UTF-8 will do.
            if Charset::named(Some("latin1"))
                .encode(text, &mut bytes)
                .is_err()
            {
                out.extend_from_slice(text.as_bytes());
                return;
            }
            out.extend(bytes.iter().map(|&b| match b {
                0x80.. => SWEDISH[usize::from(b - 0x80)],
                _ => b.to_ascii_uppercase(),
            }));
        }
        Fold::General => text.chars().for_each(|c| push_char(general(c), out)),
        Fold::Unicode { uca, accents, case } => {
            for c in text.chars() {
                if uca == Uca::V400 && u32::from(c) > 0xffff {
                    push_char(char::REPLACEMENT_CHARACTER, out);
                } else {
                    unicode_primary(c, uca, out);
                }
            }
            if accents || case {
                out.push(LEVEL_SEPARATOR);
                for c in text.nfd().filter(|&c| !is_ignored(c)) {
                    if case {
                        push_char(c, out);
                    } else {
                        c.to_lowercase().for_each(|c| push_char(c, out));
                    }
                }
            }
        }
        Fold::Simple { case: true } => out.extend_from_slice(text.as_bytes()),
        Fold::Simple { case: false } => text
            .chars()
            .flat_map(single_upper)
            .for_each(|c| push_char(c, out)),
    }
}

fn push_char(c: char, out: &mut Vec<u8>) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// The capital of a letter that has a single one, else the letter.
fn single_upper(c: char) -> Option<char> {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(capital), None) => Some(capital),
        _ => Some(c),
    }
}

/// The weight of a character under `utf8mb4_general_ci`.
fn general(c: char) -> char {
    let base = match c {
        '\u{10000}'.. => return char::REPLACEMENT_CHARACTER,
        'ß' => return 'S',
        // й stays itself; other letters here got their capitals later than the collation was made.
        'Й' | 'й' => c,
        'ƀ' | 'ƚ' | 'ƞ' | 'ϗ' | 'ϙ' | 'ϳ' | 'ϵ' | 'ϸ' | 'ϻ' | 'ҋ' | 'ӆ' | 'ӊ' | 'ӎ' | 'ӏ' | 'ӷ'
        | 'ӻ' | 'ӽ' | 'ӿ' => {
            return c;
        }
        'ϲ' => return 'Σ',
        '\u{23a}'..='\u{252}'
        | '\u{25c}'
        | '\u{261}'
        | '\u{265}'..='\u{266}'
        | '\u{26a}'..='\u{26c}'
        | '\u{271}'
        | '\u{27d}'
        | '\u{282}'
        | '\u{287}'
        | '\u{289}'
        | '\u{28c}'
        | '\u{29d}'..='\u{29e}'
        | '\u{370}'..='\u{373}'
        | '\u{376}'..='\u{377}'
        | '\u{37b}'..='\u{37d}'
        | '\u{500}'..='\u{52f}'
        | '\u{10d0}'..='\u{10ff}'
        | '\u{13a0}'..='\u{13ff}'
        | '\u{1c80}'..='\u{1dff}'
        | '\u{1efa}'..='\u{1eff}'
        | '\u{214e}'
        | '\u{2184}'
        | '\u{2c00}'..='\u{2dff}'
        | '\u{a640}'..='\u{abff}' => return c,
        '\u{c0}'..='\u{24f}' | '\u{370}'..='\u{4ff}' | '\u{1e00}'..='\u{1fff}' => {
            let mut parts = std::iter::once(c).nfd();
            match (parts.next(), parts.next()) {
                // What NFC replaces (ά of U+1F71) was never composed for this collation.
                (Some(letter), Some(_))
                    if letter.is_alphabetic() && std::iter::once(c).nfc().eq([c]) =>
                {
                    letter
                }
                _ => c,
            }
        }
        _ => c,
    };
    single_upper(base).unwrap_or(base)
}

/// What the Unicode collations give no weight to, at any level.
fn is_ignored(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{ad}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Diacritics, which have a weight at the second level only. Vowel signs and viramas are letters.
fn is_diacritic(c: char) -> bool {
    !matches!(
        canonical_combining_class(c),
        0 | 9 | 84 | 91 | 103 | 118 | 129 | 130 | 132
    ) || matches!(c, '\u{488}'..='\u{489}' | '\u{20dd}'..='\u{20e4}' | '\u{34f}')
}

/// Appends the primary weight of a character.
fn unicode_primary(c: char, uca: Uca, out: &mut Vec<u8>) {
    if c.is_ascii() {
        let rank = uca.ascii()[c as usize];
        if rank > 0 {
            out.push(rank);
        }
        return;
    }
    let kept = match c {
        // Letters of their own, although Unicode decomposes them.
        'Й' | 'й' | '\u{622}'..='\u{626}' => true,
        'Ѐ' | 'Ё' | 'Ѝ' | 'ѐ' | 'ё' | 'ѝ' => false,
        '\u{400}'..='\u{4ff}' => uca < Uca::V900,
        _ => false,
    };
    if kept {
        c.to_lowercase().for_each(|c| push_char(c, out));
        return;
    }
    // A spacing accent (´, ¨) decomposes into a space and a mark and is neither.
    let mut parts = std::iter::once(c).nfkd();
    if parts.next() == Some(' ') && parts.next().is_some() {
        push_char(c, out);
        return;
    }
    for part in std::iter::once(c).nfkd().filter(|&c| !is_ignored(c)) {
        if let Some(letter) = combining_letter(part) {
            out.push(uca.ascii()[usize::from(letter & 0x7f)]);
        } else if !is_diacritic(part) {
            part.to_lowercase()
                .nfd()
                .filter(|&c| !is_diacritic(c))
                .for_each(|c| push_letter(c, uca, out));
        }
    }
}

/// The letter that a small letter above (U+0363 …) counts as.
fn combining_letter(c: char) -> Option<u8> {
    let index = u32::from(c).checked_sub(0x363)? as usize;
    b"aeioucdhmrtvx".get(index).copied()
}

/// Appends a letter in lower case, without its variants.
fn push_letter(c: char, uca: Uca, out: &mut Vec<u8>) {
    let ascii: &[u8] = match c {
        'ß' => b"ss",
        'æ' => b"ae",
        'œ' => b"oe",
        'ð' | 'đ' if uca > Uca::V400 => b"d",
        'ø' if uca > Uca::V400 => b"o",
        'ħ' if uca > Uca::V400 => b"h",
        'ł' if uca > Uca::V400 => b"l",
        _ => &[],
    };
    if !ascii.is_empty() {
        out.extend(ascii.iter().map(|&b| uca.ascii()[usize::from(b)]));
        return;
    }
    if c.is_ascii() {
        out.extend(Some(uca.ascii()[c as usize]).filter(|&rank| rank > 0));
        return;
    }
    if let Some(digit) = digit(c) {
        out.push(uca.ascii()[usize::from(b'0' + digit)]);
        return;
    }
    push_char(
        match c {
            'ς' => 'σ',
            'ґ' => 'г',
            // Final forms of Hebrew.
            'ך' => 'כ',
            'ם' => 'מ',
            'ן' => 'נ',
            'ף' => 'פ',
            'ץ' => 'צ',
            // Katakana and small kana count as the plain hiragana.
            '\u{30a1}'..='\u{30f6}' => large_kana(char::from_u32(u32::from(c) - 0x60).unwrap_or(c)),
            '\u{3041}'..='\u{3096}' => large_kana(c),
            _ => c,
        },
        out,
    );
}

fn large_kana(c: char) -> char {
    match c {
        'ぁ' | 'ぃ' | 'ぅ' | 'ぇ' | 'ぉ' | 'っ' | 'ゃ' | 'ゅ' | 'ょ' | 'ゎ' => {
            char::from_u32(u32::from(c) + 1).unwrap_or(c)
        }
        'ゕ' => 'か',
        'ゖ' => 'け',
        _ => c,
    }
}

/// The value of a decimal digit of another script.
fn digit(c: char) -> Option<u8> {
    const ZEROS: [u32; 20] = [
        0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50,
        0xed0, 0xf20, 0x1040, 0x17e0, 0x1810, 0x1946, 0x19d0,
    ];
    let code = u32::from(c);
    let zero = ZEROS
        .iter()
        .find(|&&zero| (zero..zero + 10).contains(&code))?;
    Some((code - zero) as u8)
}
