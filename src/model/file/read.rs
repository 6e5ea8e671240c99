//! Reads a weight file, and checks it once: all of it but the tables of a prepared catalogue.

use super::{
    CatalogTable, ChoiceItems, Contents, EvidenceTable, ItemRows, ItemVectors, Prepared, RawFile,
    priors,
};
use crate::kernels::{are_finite, rounded_bytes};
use crate::model::buffer::{Buffer, SharedBytes};
use crate::model::config::{Config, DataType, Local};
use crate::model::familiarity::Familiarity;
use crate::model::network::Network;
use crate::model::schema::{Column, Entity, Field, FieldKind, Strings, Vocabulary, check_count};
use crate::{Error, Result, memory};

/// Reads a weight file's bytes. `origin` is what messages call the file.
///
/// Large tensors are views of `bytes`; no number in the file alone makes it allocate memory.
///
/// The items' vectors, rows and neighbours are not read if the file has what its catalogue
/// computes: calls check those that they use.
///
/// # Errors
/// [`crate::Error::WeightFile`], naming the first tensor or key that breaks
/// the format.
pub fn read(bytes: SharedBytes, origin: &str) -> Result<(Contents, Option<Prepared>)> {
    let mut file = RawFile::new(bytes, origin)?;
    match file.metadata("melu.format") {
        Some("1") => {}
        Some(other) => {
            let problem = format!("format \"{other}\" is unknown; this library reads \"1\"");
            return Err(file.refuse("melu.format", problem));
        }
        None => return Err(file.refuse("melu.format", "missing; this is not a melu weight file")),
    }
    let json = file.metadata("melu.config");
    let json = json.ok_or_else(|| file.refuse("melu.config", "missing"))?;
    let config = Config::from_json(json).map_err(|error| file.refuse("melu.config", error))?;
    let refuse = |error| file.refuse("melu.config", error);
    let body_network = config.body_network().map_err(refuse)?;
    let head_network = config.head_network().map_err(refuse)?;
    let training = file.metadata("melu.training").map(memory::text);
    let training = training.transpose()?.map(String::from);

    let embeddings = |file: &mut RawFile, entity: Entity| {
        let read = |field| embedding(file, entity, field, config.embedding_dim);
        memory::try_collected(config.fields(entity).iter().map(read))
    };
    let item_embeddings = embeddings(&mut file, Entity::Item)?;
    let user_embeddings = embeddings(&mut file, Entity::User)?;
    let body = match &body_network {
        Some(body) => network(&mut file, body)?,
        None => Vec::new(),
    };
    let has_ratings = config.has_ratings();
    let head = match has_ratings {
        true => network(&mut file, &head_network)?,
        false => memory::zeros(head_network.parameters())?,
    };
    let head_scale = match config.local {
        _ if !has_ratings => memory::zeros(head.len())?,
        Local::Gradient(_) => Vec::new(),
        Local::Ridge(_) => memory::copy(&not_negative(&mut file, "head.scale", &[head.len()])?)?,
    };
    let priors::Priors { item: item_prior, user: user_prior, choice } =
        priors::read(&mut file, &config, head.len())?;
    let vocabularies = |file: &mut RawFile, entity: Entity| {
        let read = |field| vocabulary(file, entity, field);
        memory::try_collected(config.fields(entity).iter().map(read))
    };
    let item_vocabularies = vocabularies(&mut file, Entity::Item)?;
    let user_vocabularies = vocabularies(&mut file, Entity::User)?;
    let (catalog, prepared) = catalog(&mut file, &config)?;
    let evidence = evidence(&mut file, catalog.as_ref().map_or(0, |catalog| catalog.ids.len()))?;
    let familiarity = familiarity(&mut file, catalog.as_ref().map_or(0, |table| table.ids.len()))?;
    file.finish()?;
    let contents = Contents {
        config,
        item_embeddings,
        user_embeddings,
        body,
        head,
        head_scale,
        item_prior,
        user_prior,
        choice,
        item_vocabularies,
        user_vocabularies,
        catalog,
        evidence,
        familiarity,
        training,
    };
    Ok((contents, prepared))
}

pub(super) fn floats(file: &mut RawFile, name: &str, shape: &[usize]) -> Result<Buffer<f32>> {
    let numbers: Buffer<f32> = file.take(name, shape)?;
    if are_finite(&numbers) {
        return Ok(numbers);
    }
    let index = numbers.iter().take_while(|number| number.is_finite()).count();
    let problem = format!("the number at index {index} is {}; all must be finite", numbers[index]);
    Err(file.refuse(name, problem))
}

fn not_negative(file: &mut RawFile, name: &str, shape: &[usize]) -> Result<Buffer<f32>> {
    let numbers = floats(file, name, shape)?;
    match numbers.iter().position(|number| *number < 0.0) {
        Some(index) => {
            Err(file.refuse(name, format!("{} at index {index} is below 0", numbers[index])))
        }
        None => Ok(numbers),
    }
}

fn embedding(
    file: &mut RawFile,
    entity: Entity,
    field: &Field,
    width: usize,
) -> Result<Buffer<f32>> {
    if !field.embedded {
        return Ok(Vec::new().into());
    }
    floats(file, &format!("{entity}.{}.weight", field.name), &[field.size, width])
}

fn network(file: &mut RawFile, network: &Network) -> Result<Vec<f32>> {
    // Room is made for what the file has, and not for what the configuration says.
    let mut parameters = Vec::new();
    let mut add = |numbers: Buffer<f32>| {
        memory::reserve(&mut parameters, numbers.len())
            .map(|()| parameters.extend_from_slice(&numbers))
    };
    for (k, layer) in network.layers().iter().enumerate() {
        let weight = network.tensor_name(2 * k);
        add(floats(file, &weight, &[layer.outputs, layer.inputs])?)?;
        let bias = network.tensor_name(2 * k + 1);
        add(floats(file, &bias, &[layer.outputs])?)?;
    }
    Ok(parameters)
}

/// Strings in two tensors, `<name>.offsets` and `<name>.bytes`; none if neither is there.
fn strings(file: &mut RawFile, name: &str) -> Result<Option<Strings>> {
    let (offsets, bytes) = (format!("{name}.offsets"), format!("{name}.bytes"));
    if !file.has(&offsets) && !file.has(&bytes) {
        return Ok(None);
    }
    let strings = Strings::new(file.take_list(&offsets)?, file.take_list(&bytes)?);
    strings.map(Some).map_err(|problem| file.refuse(name, problem))
}

fn vocabulary(file: &mut RawFile, entity: Entity, field: &Field) -> Result<Option<Vocabulary>> {
    if let FieldKind::Numeric(_) = field.kind {
        return Ok(None);
    }
    let name = format!("vocab.{entity}.{}", field.name);
    let Some(names) = strings(file, &name)? else { return Ok(None) };
    if names.len() != field.size {
        let problem = format!("it has {} names for {} values", names.len(), field.size);
        return Err(file.refuse(&name, problem));
    }
    Vocabulary::new(names).map(Some).map_err(|problem| file.refuse(&name, problem))
}

fn catalog(
    file: &mut RawFile,
    config: &Config,
) -> Result<(Option<CatalogTable>, Option<Prepared>)> {
    let Some(ids) = strings(file, "catalog.ids")? else { return Ok((None, None)) };
    check_count(ids.len()).map_err(|problem| file.refuse("catalog.ids", problem))?;
    let prepared = prepared(file, config, ids.len())?;
    let is_prepared = prepared.is_some();
    if !is_prepared {
        ids.sorted().map_err(|error| match error {
            Error::Argument { problem, .. } => file.refuse("catalog.ids", problem),
            error => error,
        })?;
    }
    let titles = strings(file, "catalog.titles")?;
    if let Some(titles) = titles.as_ref().filter(|titles| titles.len() != ids.len()) {
        let problem = format!("there are {} titles for {} items", titles.len(), ids.len());
        return Err(file.refuse("catalog.titles", problem));
    }
    let columns = config.item_fields.iter().map(|field| column(file, field, ids.len()));
    let columns = memory::try_collected(columns)?;
    let vectors = match config.factors {
        0 => None,
        factors => vectors(file, ids.len(), factors, is_prepared)?,
    };
    let choice = match &config.choice {
        None => None,
        Some(head) => choice_items(file, ids.len(), head.row_width(), is_prepared)?,
    };
    let table = CatalogTable { ids, titles, columns, vectors, choice };
    if is_prepared && !table.is_whole(config) {
        return Err(file.refuse("catalog.order", "the catalogue lacks its items' vectors or rows"));
    }
    Ok((Some(table), prepared))
}

/// The results that a catalogue computes from its items, if the file has them.
fn prepared(file: &mut RawFile, config: &Config, items: usize) -> Result<Option<Prepared>> {
    if !file.has("catalog.order") {
        return Ok(None);
    }
    let by_id = file.take("catalog.order", &[items])?;
    let shape = [items, config.feature_width().unwrap_or(0)];
    let rows = match config.catalog {
        DataType::F32 => ItemRows::F32(file.take("catalog.features", &shape)?),
        DataType::F16 => ItemRows::F16(file.take("catalog.features", &shape)?),
    };
    let rounded = match &config.choice {
        None => Vec::new().into(),
        Some(head) => {
            let bytes = rounded_bytes(items, head.row_width());
            let bytes = bytes.ok_or_else(|| file.refuse("catalog.rounded", "it is too large"))?;
            file.take("catalog.rounded", &[bytes])?
        }
    };
    Ok(Some(Prepared { by_id, rows, rounded }))
}

/// Numbers of a matrix that are checked now, or by the calls that use them.
fn matrix(
    file: &mut RawFile,
    name: &str,
    shape: &[usize],
    is_prepared: bool,
) -> Result<Buffer<f32>> {
    if is_prepared { file.take(name, shape) } else { floats(file, name, shape) }
}

fn vectors(
    file: &mut RawFile,
    items: usize,
    factors: usize,
    is_prepared: bool,
) -> Result<Option<ItemVectors>> {
    if !file.has("catalog.vectors") {
        return Ok(None);
    }
    let vectors = matrix(file, "catalog.vectors", &[items, factors], is_prepared)?;
    let bias = floats(file, "catalog.bias", &[items])?;
    let variance = not_negative(file, "catalog.variance", &[items])?;
    let raters = file.take("catalog.raters", &[items])?;
    Ok(Some(ItemVectors { vectors, bias, variance, raters }))
}

fn choice_items(
    file: &mut RawFile,
    items: usize,
    width: usize,
    is_prepared: bool,
) -> Result<Option<ChoiceItems>> {
    if !file.has("catalog.choice.rows") {
        return Ok(None);
    }
    let rows = matrix(file, "catalog.choice.rows", &[items, width], is_prepared)?;
    let raters = file.take("catalog.choice.raters", &[items])?;
    let name = "catalog.neighbours.items";
    let each = file.columns(name);
    let neighbours: Buffer<u32> = file.take(name, &[items, each])?;
    let beyond = |item: &u32| *item as usize >= items;
    if !is_prepared && let Some(index) = neighbours.iter().position(beyond) {
        let problem = format!(
            "item {} at index {index} is not below {items}, the catalogue's length",
            neighbours[index]
        );
        return Err(file.refuse(name, problem));
    }
    let weights = matrix(file, "catalog.neighbours.weights", &[items, each], is_prepared)?;
    Ok(Some(ChoiceItems { rows, raters, neighbours, weights }))
}

fn column(file: &mut RawFile, field: &Field, items: usize) -> Result<Column> {
    let name = format!("catalog.{}", field.name);
    let values = format!("{name}.values");
    if let FieldKind::Numeric(_) = field.kind {
        let numbers: Buffer<f32> = file.take(&values, &[items])?;
        if let Some(index) = numbers.iter().position(|number| number.is_infinite()) {
            let problem = format!("the number of item {index} is infinite");
            return Err(file.refuse(&values, problem));
        }
        return Ok(Column::Numbers(numbers));
    }
    let offsets: Buffer<u64> = file.take(&format!("{name}.offsets"), &[items + 1])?;
    let values = file.take_list(&values)?;
    let column = Column::values(offsets.clone(), values, field.size)
        .map_err(|problem| file.refuse(&name, problem))?;
    let several = offsets.windows(2).position(|ends| ends[1] - ends[0] > 1);
    if let Some(item) = several.filter(|_| field.kind == FieldKind::One) {
        let problem = format!("item {item} has {} values; one is expected", column.row(item).len());
        return Err(file.refuse(&name, problem));
    }
    Ok(column)
}

fn evidence(file: &mut RawFile, catalog_len: usize) -> Result<Option<EvidenceTable>> {
    let names = ["items", "scores", "gradient_norm", "popularity"];
    let names = names.map(|name| format!("evidence.{name}"));
    if !names.iter().any(|name| file.has(name)) {
        return Ok(None);
    }
    let items: Buffer<u32> = file.take_list(&names[0])?;
    if let Some(index) = items.iter().position(|&item| item as usize >= catalog_len) {
        let problem = format!(
            "item {} at index {index} is not below {catalog_len}, the catalogue's length",
            items[index]
        );
        return Err(file.refuse(&names[0], problem));
    }
    let shape = [items.len()];
    let scores = floats(file, &names[1], &shape)?;
    let gradient_norm = floats(file, &names[2], &shape)?;
    let popularity = floats(file, &names[3], &shape)?;
    Ok(Some(EvidenceTable { items, scores, gradient_norm, popularity }))
}

fn familiarity(file: &mut RawFile, items: usize) -> Result<Option<Familiarity>> {
    let [shares, known] = ["familiarity.shares", "familiarity.known"];
    if !file.has(shares) && !file.has(known) {
        return Ok(None);
    }
    let shares = file.take_list(shares)?;
    let roots = file.take(known, &[items, shares.len()])?;
    let read = Familiarity::new(shares, roots);
    read.map(Some).map_err(|problem| file.refuse("familiarity.shares", problem))
}
