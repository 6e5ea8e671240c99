//! The checksum of a weight file: a single flipped bit is found.

mod common;

use std::fs;
use std::sync::Arc;

use common::files::sample;
use melu::model::file;
use xxhash_rust::xxh64::xxh64;

fn written() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.melu");
    file::write(&path, &sample(), None).unwrap();
    fs::read(path).unwrap()
}

/// Whether opening or verifying finds something wrong.
fn is_refused(bytes: Vec<u8>) -> bool {
    let bytes = Arc::new(bytes);
    file::read(bytes.clone(), "it").is_err() || file::verify(bytes, "it").is_err()
}

#[test]
fn the_checksum_is_what_the_format_says() {
    let bytes = written();
    let (header, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let data = &bytes[bytes.len() - metadata.data_len()..];
    assert!(header + metadata.data_len() <= bytes.len());
    let mut parts: Vec<Vec<u8>> = Vec::new();
    let keys = metadata.metadata().as_ref().unwrap();
    let mut sorted: Vec<_> = keys.iter().filter(|(key, _)| *key != "melu.checksum").collect();
    sorted.sort();
    for (key, value) in sorted {
        parts.extend([key.clone().into_bytes(), value.clone().into_bytes()]);
    }
    let mut tensors: Vec<_> = metadata.tensors().into_iter().collect();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, info) in tensors {
        let (begin, end) = info.data_offsets;
        let shape = info.shape.iter().flat_map(|count| (*count as u64).to_le_bytes());
        let dtype = serde_json::to_value(info.dtype).unwrap();
        let dtype = dtype.as_str().unwrap().as_bytes().to_vec();
        parts.extend([name.into_bytes(), dtype, shape.collect(), data[begin..end].to_vec()]);
    }
    let whole: Vec<u8> = parts
        .iter()
        .flat_map(|part| [&(part.len() as u64).to_le_bytes(), &part[..]].concat())
        .collect();
    assert_eq!(keys["melu.checksum"], format!("{:016x}", xxh64(&whole, 0)));
    assert!(file::verify(Arc::new(bytes), "it").unwrap());
}

#[test]
fn every_flipped_bit_is_found() {
    let good = written();
    assert!(!is_refused(good.clone()));
    // All bits of the header, and one of each byte of the tensors.
    let (header, _) = safetensors::SafeTensors::read_metadata(&good).unwrap();
    for place in 0..good.len() {
        let bits = if place < 8 + header { 0..8 } else { place % 8..place % 8 + 1 };
        for bit in bits {
            let mut bad = good.clone();
            bad[place] ^= 1 << bit;
            assert!(is_refused(bad), "bit {bit} of byte {place}");
        }
    }
}

#[test]
fn a_file_of_another_writer_needs_no_checksum() {
    let good = written();
    let tensors = safetensors::SafeTensors::deserialize(&good).unwrap();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&good).unwrap();
    let mut keys = metadata.metadata().clone().unwrap();
    let resaved = safetensors::serialize(tensors.tensors(), Some(keys.clone())).unwrap();
    assert!(file::verify(Arc::new(resaved), "it").unwrap(), "another layout");
    keys.remove("melu.checksum");
    let without = safetensors::serialize(tensors.tensors(), Some(keys)).unwrap();
    assert!(!file::verify(Arc::new(without), "it").unwrap());
}
