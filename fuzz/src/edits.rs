//! Edits of a safetensors file that keep its frame, so that most of them come past the first
//! checks.

use super::Numbers;

/// Texts that a header may get anywhere.
const WORDS: [&str; 16] = [
    "0",
    "-1",
    "1e999",
    "18446744073709551615",
    "4294967296",
    "null",
    "[]",
    "{}",
    "\"\"",
    ",",
    "\\u0000",
    "\"F16\"",
    "\"U64\"",
    "[0,0]",
    "true",
    "\\\"ridge\\\"",
];

/// Changes a file as the numbers say, up to 16 times.
pub fn edit(file: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let mut header = file[8..8 + length].to_vec();
    let mut data = file[8 + length..].to_vec();
    for _ in 0..16 {
        if numbers.is_empty() {
            break;
        }
        match numbers.byte() % 8 {
            0 => {
                let place = numbers.below(header.len());
                header[place] = numbers.byte();
            }
            1 => {
                let place = numbers.below(header.len());
                let word = WORDS[numbers.below(WORDS.len())].bytes();
                let cut = numbers.below(8).min(header.len() - place);
                header.splice(place..place + cut, word);
            }
            // A number of the header, so that it still is one.
            2 => {
                let starts: Vec<usize> = (1..header.len())
                    .filter(|&at| header[at].is_ascii_digit() && !header[at - 1].is_ascii_digit())
                    .collect();
                if let Some(&start) = starts.get(numbers.below(starts.len())) {
                    let rest = header[start..].iter();
                    let end = start + rest.take_while(|byte| byte.is_ascii_digit()).count();
                    let word = WORDS[numbers.below(5)].bytes();
                    header.splice(start..end, word);
                }
            }
            3 if !data.is_empty() => {
                let place = numbers.below(data.len());
                data[place] ^= numbers.byte();
            }
            4 | 5 if data.len() >= 4 => {
                let place = numbers.below(data.len() / 4) * 4;
                let number = numbers.float();
                let every = 1 + numbers.below(4);
                let count = numbers.below(64);
                let places = data[place..].chunks_exact_mut(4).step_by(every).take(count);
                places.for_each(|place| place.copy_from_slice(&number.to_le_bytes()));
            }
            6 if data.len() >= 8 => {
                let place = numbers.below(data.len() / 8) * 8;
                let number = [0, 1, u64::MAX, 1 << 32, data.len() as u64][numbers.below(5)];
                data[place..place + 8].copy_from_slice(&number.to_le_bytes());
            }
            _ => data.truncate(numbers.below(data.len() + 1)),
        }
    }
    [&(header.len() as u64).to_le_bytes(), &header[..], &data].concat()
}
