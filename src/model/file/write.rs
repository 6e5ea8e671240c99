//! Writes safetensors files whole or not at all.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde_json::json;

use super::{
    ChoiceItems, ChoicePriors, Contents, ItemPrior, ItemRows, ItemVectors, Prepared, TensorData,
    checksum, map, priors, read, verify,
};
use crate::model::buffer::SharedBytes;
use crate::model::network::Network;
use crate::model::schema::{Column, Entity, Strings};
use crate::{Error, Result};

/// Tensors begin at multiples of this many bytes, if the format allows it: see
/// [`write_tensors`].
const ALIGNMENT: usize = 64;

/// Writes a weight file, atomically: `path` always holds the whole old file or the whole new
/// one. `prepared` belongs to the contents' catalogue; without it whoever opens the file computes
/// it anew. [`Model::save`](crate::Model::save) has it.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be written to.
pub fn write(path: &Path, contents: &Contents, prepared: Option<&Prepared>) -> Result<()> {
    write_contents(path, contents, prepared, |_, _| Ok(()))
}

/// [`write()`], and the file is read again before it takes the old one's place.
///
/// # Errors
/// Those of [`write()`], and [`Error::WeightFile`] if the file cannot be read again, as with
/// numbers that are not finite.
pub fn write_and_read(path: &Path, contents: &Contents, prepared: Option<&Prepared>) -> Result<()> {
    write_contents(path, contents, prepared, |bytes, origin| {
        read(bytes.clone(), origin)?;
        verify(bytes, origin).map(drop)
    })
}

fn write_contents(
    path: &Path,
    contents: &Contents,
    prepared: Option<&Prepared>,
    check: impl FnOnce(SharedBytes, &str) -> Result<()>,
) -> Result<()> {
    let mut metadata =
        vec![("melu.format", "1".into()), ("melu.config", contents.config.to_json())];
    metadata.extend(priors::metadata(contents));
    metadata.extend(contents.training.clone().map(|training| ("melu.training", training)));
    let mut tensors = tensors(contents);
    push_prepared(&mut tensors, prepared);
    write_tensors(path, metadata, tensors, check)
}

/// Writes tensors and metadata as a safetensors file with a checksum, atomically. `check` gets
/// the bytes that were written, and the file's name in messages, before they take the old file's
/// place.
///
/// The format allows no gaps between tensors, so those whose lengths are
/// multiples of 64 bytes stand first, each at a multiple of 64; the others
/// follow by falling alignment of their lengths, so that each is at least
/// aligned for its type.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be written to, and those of `check`.
pub fn write_tensors(
    path: &Path,
    mut metadata: Vec<(&str, String)>,
    mut tensors: Vec<TensorData>,
    check: impl FnOnce(SharedBytes, &str) -> Result<()>,
) -> Result<()> {
    let checksum = checksum::of_parts(&metadata, &tensors);
    metadata.push((checksum::KEY, checksum));
    let alignment = |tensor: &TensorData| {
        (tensor.bytes.len() | ALIGNMENT).trailing_zeros().min(ALIGNMENT.trailing_zeros())
    };
    tensors.sort_by(|a, b| alignment(b).cmp(&alignment(a)).then_with(|| a.name.cmp(&b.name)));

    let mut header = BTreeMap::new();
    let metadata: BTreeMap<&str, &String> =
        metadata.iter().map(|(key, value)| (*key, value)).collect();
    header.insert("__metadata__", json!(metadata));
    let mut start = 0;
    for tensor in &tensors {
        let end = start + tensor.bytes.len();
        let entry = json!({
            "dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [start, end],
        });
        header.insert(&tensor.name, entry);
        start = end;
    }
    let mut header = json!(header).to_string().into_bytes();
    let unpadded = size_of::<u64>() + header.len();
    header.resize(header.len() + unpadded.next_multiple_of(ALIGNMENT) - unpadded, b' ');

    let fill = |file: &mut dyn Write| {
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(&header)?;
        tensors.iter().try_for_each(|tensor| file.write_all(tensor.bytes))
    };
    let origin = path.display().to_string();
    write_and_check(path, fill, |written| check(map(written)?, &origin))
}

/// Writes a file beside `path`, syncs it, and renames it to `path`.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be written to; `path` is then unchanged.
pub fn write_atomically(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    write_and_check(path, fill, |_| Ok(()))
}

/// [`write_atomically`] with a last look at the file, by its temporary name, before it is
/// renamed.
fn write_and_check(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    check: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let failed = |source| Error::Io { action: "write", path: path.to_owned(), source };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".melu-");
    // Temporary files are private by default; this one becomes an ordinary
    // file, whose mode the umask decides.
    #[cfg(unix)]
    builder
        .permissions(<std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666));
    let temporary = builder.tempfile_in(folder).map_err(without_path);
    let mut temporary = temporary.map_err(failed)?;
    let mut buffered = BufWriter::new(temporary.as_file_mut());
    fill(&mut buffered).and_then(|()| buffered.flush()).map_err(failed)?;
    drop(buffered);
    temporary.as_file().sync_all().map_err(failed)?;
    check(temporary.path())?;
    temporary.persist(path).map_err(|error| failed(error.error))?;
    // The rename itself is only safe once the folder is; where folders cannot
    // be opened, there is nothing to sync.
    if let Ok(folder) = File::open(folder) {
        folder.sync_all().map_err(failed)?;
    }
    Ok(())
}

/// The error without the path of a temporary file, which says nothing to anybody.
pub fn without_path(error: io::Error) -> io::Error {
    let text = error.to_string();
    let problem = text.split(" at path \"").next().unwrap_or_default();
    io::Error::new(error.kind(), problem)
}

/// All tensors of a weight file.
pub(super) fn tensors(contents: &Contents) -> Vec<TensorData<'_>> {
    let config = &contents.config;
    let mut tensors = Vec::new();
    for entity in [Entity::Item, Entity::User] {
        let fields = config.fields(entity);
        for (field, weight) in fields.iter().zip(contents.embeddings(entity)) {
            if field.embedded {
                let name = format!("{entity}.{}.weight", field.name);
                tensors.push(TensorData::new(name, &[field.size, config.embedding_dim], weight));
            }
        }
        for (field, vocabulary) in fields.iter().zip(contents.vocabularies(entity)) {
            if let Some(vocabulary) = vocabulary {
                let name = format!("vocab.{entity}.{}", field.name);
                push_strings(&mut tensors, &name, vocabulary.names());
            }
        }
    }
    if let Ok(Some(body)) = config.body_network() {
        push_network(&mut tensors, &body, &contents.body);
    }
    if let Some(head) = config.head_network().ok().filter(|_| config.has_ratings()) {
        push_network(&mut tensors, &head, &contents.head);
    }
    if config.has_ratings() && !contents.head_scale.is_empty() {
        tensors.push(TensorData::list("head.scale", &contents.head_scale));
    }
    if let Some(ItemPrior { prior, .. }) = &contents.item_prior {
        priors::push(&mut tensors, "item", prior);
    }
    if let Some(prior) = &contents.user_prior {
        priors::push(&mut tensors, "user", prior);
    }
    if let Some(catalog) = &contents.catalog {
        push_strings(&mut tensors, "catalog.ids", &catalog.ids);
        if let Some(titles) = &catalog.titles {
            push_strings(&mut tensors, "catalog.titles", titles);
        }
        for (field, column) in config.item_fields.iter().zip(&catalog.columns) {
            let name = format!("catalog.{}.values", field.name);
            match column {
                Column::Numbers(numbers) => tensors.push(TensorData::list(name, numbers)),
                Column::Values { offsets, values } => {
                    tensors.push(TensorData::list(name, values));
                    let name = format!("catalog.{}.offsets", field.name);
                    tensors.push(TensorData::list(name, offsets));
                }
            }
        }
    }
    if let Some(ChoicePriors { user, item }) = &contents.choice {
        priors::push(&mut tensors, "choice_user", user);
        priors::push(&mut tensors, "choice_item", item);
    }
    if let Some(choice) = contents.catalog.as_ref().and_then(|catalog| catalog.choice.as_ref()) {
        let ChoiceItems { rows, raters, neighbours, weights } = choice;
        let items = raters.len();
        let width = config.choice.as_ref().map_or(0, |head| head.row_width());
        tensors.push(TensorData::new("catalog.choice.rows", &[items, width], rows));
        tensors.push(TensorData::list("catalog.choice.raters", raters));
        let shape = [items, choice.neighbours_each()];
        tensors.push(TensorData::new("catalog.neighbours.items", &shape, neighbours));
        tensors.push(TensorData::new("catalog.neighbours.weights", &shape, weights));
    }
    if let Some(catalog) = &contents.catalog
        && let Some(ItemVectors { vectors, bias, variance, raters }) = &catalog.vectors
    {
        let shape = [bias.len(), config.factors];
        tensors.push(TensorData::new("catalog.vectors", &shape, vectors));
        tensors.push(TensorData::list("catalog.bias", bias));
        tensors.push(TensorData::list("catalog.variance", variance));
        tensors.push(TensorData::list("catalog.raters", raters));
    }
    if let Some(evidence) = &contents.evidence {
        tensors.push(TensorData::list("evidence.items", &evidence.items));
        tensors.push(TensorData::list("evidence.scores", &evidence.scores));
        tensors.push(TensorData::list("evidence.gradient_norm", &evidence.gradient_norm));
        tensors.push(TensorData::list("evidence.popularity", &evidence.popularity));
    }
    if let Some(familiarity) = &contents.familiarity {
        let shape = [familiarity.items(), familiarity.kinds()];
        tensors.push(TensorData::list("familiarity.shares", familiarity.shares()));
        tensors.push(TensorData::new("familiarity.known", &shape, familiarity.roots()));
    }
    tensors
}

fn push_prepared<'a>(tensors: &mut Vec<TensorData<'a>>, prepared: Option<&'a Prepared>) {
    let Some(Prepared { by_id, rows, rounded }) = prepared else { return };
    let shape = |numbers: usize| [by_id.len(), numbers / by_id.len().max(1)];
    tensors.push(TensorData::list("catalog.order", by_id));
    tensors.push(match rows {
        ItemRows::F32(rows) => TensorData::new("catalog.features", &shape(rows.len()), rows),
        ItemRows::F16(rows) => TensorData::new("catalog.features", &shape(rows.len()), rows),
    });
    if !rounded.is_empty() {
        tensors.push(TensorData::list("catalog.rounded", rounded));
    }
}

fn push_network<'a>(tensors: &mut Vec<TensorData<'a>>, network: &Network, parameters: &'a [f32]) {
    for (k, layer) in network.layers().iter().enumerate() {
        let shape = [layer.outputs, layer.inputs];
        let weight = &parameters[layer.weight.clone()];
        tensors.push(TensorData::new(network.tensor_name(2 * k), &shape, weight));
        let bias = &parameters[layer.bias.clone()];
        tensors.push(TensorData::list(network.tensor_name(2 * k + 1), bias));
    }
}

fn push_strings<'a>(tensors: &mut Vec<TensorData<'a>>, name: &str, strings: &'a Strings) {
    tensors.push(TensorData::list(format!("{name}.offsets"), strings.offsets()));
    tensors.push(TensorData::list(format!("{name}.bytes"), strings.bytes()));
}
