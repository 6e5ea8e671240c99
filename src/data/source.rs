//! Files of a data folder as text: decompressed, and refused if they are something else.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::rows::whole_file;
use crate::model::file::open_regular;
use crate::{Error, Result};

/// How much of a file is looked at to recognise what it is.
const HEAD: u64 = 512;

/// Opens a text file, which may be compressed by gzip or Zstandard: the first bytes say so, not
/// the name.
pub(super) fn open(path: &Path) -> Result<Box<dyn Read>> {
    let (head, file) = peek(open_regular("read", path)?, path)?;
    let file = BufReader::with_capacity(1 << 16, file);
    let text: Box<dyn Read> = match &head[..] {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(file)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            Box::new(Zstandard { source: file, decoder: FrameDecoder::new() })
        }
        _ => Box::new(file),
    };
    let (head, text) = peek(text, path)?;
    check_text(&head, path)?;
    Ok(Box::new(text))
}

/// A file whose first bytes were looked at.
type Peeked<R> = Chain<Cursor<Vec<u8>>, R>;

/// The first bytes, and all bytes.
fn peek<R: Read>(mut file: R, path: &Path) -> Result<(Vec<u8>, Peeked<R>)> {
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head).map_err(Error::io("read", path))?;
    Ok((head.clone(), Cursor::new(head).chain(file)))
}

/// Refuses what is not a text in UTF-8, as far as the first bytes show.
fn check_text(head: &[u8], path: &Path) -> Result<()> {
    let convert = |encoding: &str| {
        format!(
            "is encoded in {encoding}; UTF-8 is expected. `iconv -f {encoding} -t UTF-8 {} > new` \
             converts it, and spreadsheets save as \"CSV UTF-8\"",
            path.file_name().unwrap_or_default().display()
        )
    };
    let other = |what: &str| format!("is {what}; a text file such as CSV is expected");
    let problem = match head {
        [0xff, 0xfe, 0, 0, ..] => convert("UTF-32LE"),
        [0, 0, 0xfe, 0xff, ..] => convert("UTF-32BE"),
        [0xff, 0xfe, ..] => convert("UTF-16LE"),
        [0xfe, 0xff, ..] => convert("UTF-16BE"),
        [b'P', b'K', 3, 4, ..] => other("a zip archive, perhaps a spreadsheet"),
        [b'P', b'A', b'R', b'1', ..] => other("a Parquet file"),
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, ..] => other("compressed by bzip2"),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => other("compressed by xz"),
        _ => match zeros(head) {
            // Without a byte order mark, the zeros of Latin letters show the encoding.
            Some([even, odd]) if odd > 4 * even => convert("UTF-16LE"),
            Some([even, odd]) if even > 4 * odd => convert("UTF-16BE"),
            Some(_) => other("a binary file"),
            None => return Ok(()),
        },
    };
    Err(whole_file(path, problem))
}

/// How many zeros there are in even and in odd places, if they are more than a quarter of all.
fn zeros(head: &[u8]) -> Option<[usize; 2]> {
    let mut zeros = [0; 2];
    for (place, byte) in head.iter().enumerate() {
        zeros[place % 2] += usize::from(*byte == 0);
    }
    (4 * (zeros[0] + zeros[1]) > head.len()).then_some(zeros)
}

/// What Zstandard compressed, in any number of frames one after another.
struct Zstandard<R: BufRead> {
    source: R,
    decoder: FrameDecoder,
}

impl<R: BufRead> Read for Zstandard<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let Self { source, decoder } = self;
        loop {
            if decoder.can_collect() > 0 {
                return decoder.read(bytes);
            }
            if !decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                decoder.decode_blocks(&mut *source, one).map_err(io::Error::other)?;
                continue;
            }
            let expected = decoder.get_checksum_from_data();
            if expected.is_some() && expected != decoder.get_calculated_checksum() {
                return Err(io::Error::other("the checksum of the compressed content is wrong"));
            }
            if source.fill_buf()?.is_empty() {
                return Ok(0);
            }
            match decoder.reset(&mut *source) {
                Ok(()) => {}
                // A frame in which programs keep data of their own.
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut source.take(length.into()), &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }
}
