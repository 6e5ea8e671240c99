//! The weight file: written and read back, and attacked.

mod common;

use std::fs;

use common::files::{bytes, names, refused, sample, sample_with_vectors, use_all, with_header};
use melu::model::buffer::Buffer;
use melu::model::config::Config;
use melu::model::familiarity::Familiarity;
use melu::model::file::{self, CatalogTable, Contents, EvidenceTable, ItemPrior, ItemVectors};
use melu::model::prior::{Input, Prior, Term};
use melu::model::schema::{Column, Field, FieldKind, NumberScale, Strings};
use melu::{Error, Model};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

#[test]
fn reads_what_it_writes() {
    for written in [sample(), sample_with_vectors()] {
        let bytes = bytes(&written);
        let model = Model::from_bytes(bytes.clone()).unwrap();
        let read = model.contents();
        assert_eq!(read.config, written.config);
        assert_eq!(read.item_embeddings, written.item_embeddings);
        assert_eq!(read.user_embeddings, written.user_embeddings);
        assert_eq!((&read.body, &read.head), (&written.body, &written.head));
        assert_eq!(read.head_scale, written.head_scale);
        assert_eq!(read.item_prior, written.item_prior);
        assert_eq!(read.user_prior, written.user_prior);
        assert_eq!(read.item_vocabularies, written.item_vocabularies);
        assert_eq!(read.user_vocabularies, written.user_vocabularies);
        assert_eq!(read.evidence, written.evidence);
        assert_eq!(read.familiarity, written.familiarity);
        assert_eq!(read.training, written.training);
        let (read, written) = (read.catalog.as_ref().unwrap(), written.catalog.as_ref().unwrap());
        assert_eq!((&read.ids, &read.titles), (&written.ids, &written.titles));
        assert_eq!(read.columns[..2], written.columns[..2]);
        assert_eq!(read.vectors, written.vectors);
        assert!(read.columns[2].is_missing(1));
        assert_eq!(self::bytes(model.contents()), bytes, "writing again gives other bytes");
        use_all(&model);
    }
}

#[test]
fn tensors_are_aligned() {
    let bytes = bytes(&sample());
    let (header, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!((8 + header) % 64, 0);
    for (name, info) in metadata.tensors() {
        let (start, end) = info.data_offsets;
        let alignment = if (end - start) % 64 == 0 { 64 } else { info.dtype.bitsize() / 8 };
        assert_eq!((8 + header + start) % alignment, 0, "{name}");
    }
}

#[test]
fn a_failed_write_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.melu");
    fs::write(&path, "old").unwrap();
    let failed = file::write_atomically(&path, |file| {
        file.write_all(b"half")?;
        Err(std::io::Error::other("disk full"))
    });
    assert!(failed.unwrap_err().to_string().contains("model.melu"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
}

#[test]
fn a_mapped_model_outlives_its_replaced_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.melu");
    file::write(&path, &sample(), None).unwrap();
    let model = Model::open(&path).unwrap();
    let other = Contents { evidence: None, ..sample() };
    file::write(&path, &other, None).unwrap();
    use_all(&model);
    assert!(model.evidence().is_some());
    assert!(Model::open(&path).unwrap().evidence().is_none());
}

/// What is done to a file, and what the refusal must name.
type Case<'a, T> = (&'a dyn Fn(&mut T), &'a str);

#[test]
fn wrong_headers_are_refused_by_name() {
    let good = bytes(&sample());
    let changed = |change: &dyn Fn(&mut Json)| refused(with_header(&good, |h| change(h)));
    let cases: [Case<Json>; 8] = [
        (&|h| h["__metadata__"]["melu.format"] = "2".into(), "melu.format"),
        (&|h| h["__metadata__"]["melu.config"] = "{}".into(), "melu.config"),
        (&|h| drop(h.as_object_mut().unwrap().remove("__metadata__")), "melu.format"),
        (&|h| h["head.0.weight"]["shape"] = serde_json::json!([20, 7]), "head.0.weight"),
        (&|h| h["head.0.bias"]["dtype"] = "I32".into(), "head.0.bias"),
        (
            &|h| h["item.genres.weight"]["data_offsets"] = serde_json::json!([0, 1u64 << 62]),
            "header",
        ),
        (
            &|h| {
                let tensor = h.as_object_mut().unwrap().remove("user.region.weight").unwrap();
                h["user.other.weight"] = tensor;
            },
            "user.region.weight",
        ),
        (
            &|h| {
                let tensor = h.as_object_mut().unwrap().remove("evidence.scores").unwrap();
                h["evidence.score"] = tensor;
            },
            "evidence.scores",
        ),
    ];
    for (change, name) in cases {
        let message = changed(change);
        assert!(message.contains(name) && message.contains("memory"), "{name}: {message}");
    }
}

#[test]
fn wrong_numbers_are_refused_by_name() {
    let change = |change: &dyn Fn(&mut Contents)| {
        let mut contents = sample();
        change(&mut contents);
        refused(bytes(&contents))
    };
    fn catalog(contents: &mut Contents) -> &mut CatalogTable {
        contents.catalog.as_mut().unwrap()
    }
    let values = |offsets: &[u64], values: &[u32]| Column::Values {
        offsets: offsets.to_vec().into(),
        values: values.to_vec().into(),
    };
    let cases: [Case<Contents>; 13] = [
        (&|c| c.head[3] = f32::NAN, "head.0.weight"),
        (&|c| c.user_embeddings[0] = Buffer::from(vec![f32::INFINITY; 25]), "user.region.weight"),
        (&|c| catalog(c).columns[0] = values(&[0, 2, 1, 3], &[0, 3, 1]), "catalog.genres"),
        (&|c| catalog(c).columns[0] = values(&[0, 2, 2, 3], &[0, 4, 1]), "catalog.genres"),
        (&|c| catalog(c).columns[0] = values(&[0, 2, 2, 9], &[0, 3, 1]), "catalog.genres"),
        (&|c| catalog(c).columns[1] = values(&[0, 2, 3, 3], &[0, 1, 1]), "catalog.studio"),
        (
            &|c| catalog(c).columns[2] = Column::Numbers(vec![1.0, f32::INFINITY, 0.0].into()),
            "catalog.year",
        ),
        (&|c| catalog(c).ids = Strings::from_iter(["one", "two", "one"]), "catalog.ids"),
        (&|c| catalog(c).titles = Some(Strings::from_iter(["x"])), "catalog.titles"),
        (
            &|c| {
                *c = sample_with_vectors();
                c.head_scale[2] = -0.5;
            },
            "head.scale",
        ),
        (
            &|c| {
                *c = sample_with_vectors();
                let vectors = catalog(c).vectors.as_mut().unwrap();
                vectors.variance = vec![0.5, -0.5, 0.0].into();
            },
            "catalog.variance",
        ),
        (&|c| c.evidence.as_mut().unwrap().items = vec![0, 3].into(), "evidence.items"),
        (&|c| c.user_vocabularies = vec![names(&["x"])], "vocab.user.region"),
    ];
    for (make, name) in cases {
        let message = change(make);
        assert!(message.contains(name), "{name}: {message}");
    }
}

/// Replaces the numbers of a tensor, as many as there were.
fn with_tensor(good: &[u8], name: &str, numbers: &[u8]) -> Vec<u8> {
    let (_, metadata) = safetensors::SafeTensors::read_metadata(good).unwrap();
    let (begin, end) = metadata.info(name).unwrap().data_offsets;
    let start = good.len() - metadata.data_len();
    assert_eq!(end - begin, numbers.len());
    let mut bad = good.to_vec();
    bad[start + begin..start + end].copy_from_slice(numbers);
    bad
}

#[test]
fn who_knows_what_must_be_chances() {
    let good = bytes(&sample_with_vectors());
    let shares = |shares: [f32; 2]| {
        let numbers: Vec<u8> = shares.iter().flat_map(|share| share.to_le_bytes()).collect();
        with_tensor(&good, "familiarity.shares", &numbers)
    };
    use_all(&Model::from_bytes(shares([0.0, 1.0])).unwrap());
    for bad in [[0.5, 0.75], [0.0, 0.0], [1.5, -0.5], [f32::NAN, 1.0], [f32::INFINITY, 0.0]] {
        let message = refused(shares(bad));
        assert!(message.contains("familiarity.shares"), "{bad:?}: {message}");
    }
    let any = with_tensor(&good, "familiarity.known", &[255, 0, 0, 0, 255, 255]);
    use_all(&Model::from_bytes(any).unwrap());

    let half = with_header(&good, |header| {
        let tensor = header.as_object_mut().unwrap().remove("familiarity.shares").unwrap();
        header["familiarity.share"] = tensor;
    });
    assert!(refused(half).contains("familiarity.shares"));
    for shape in [[2, 3], [1, 6], [6, 1]] {
        let bad = with_header(&good, |header| {
            header["familiarity.known"]["shape"] = json!(shape);
        });
        assert!(refused(bad).contains("familiarity.known"), "{shape:?}");
    }
}

/// Every tensor that only the newer estimator has.
fn new_tensors(bytes: &[u8]) -> Vec<String> {
    let (_, metadata) = safetensors::SafeTensors::read_metadata(bytes).unwrap();
    let names = metadata.tensors().into_keys().filter(|name| {
        name.starts_with("body.")
            || name.starts_with("prior.")
            || ["head.scale", "catalog.vectors", "catalog.bias", "catalog.variance"]
                .contains(&name.as_str())
            || name == "catalog.raters"
    });
    names.collect()
}

#[test]
fn each_tensor_of_vectors_priors_and_body_is_checked() {
    let good = bytes(&sample_with_vectors());
    let names = new_tensors(&good);
    assert_eq!(names.len(), 4 + 1 + 6 + 3 + 4, "{names:?}");
    for name in names {
        let change =
            |change: &dyn Fn(&mut Json)| refused(with_header(&good, |h| change(&mut h[&name])));
        let shaped = change(&|tensor| tensor["shape"].as_array_mut().unwrap().push(json!(1)));
        assert!(shaped.contains(&name) && shaped.contains("shape"), "{name}: {shaped}");
        let typed = change(&|tensor| {
            tensor["dtype"] = if tensor["dtype"] == "F32" { "I32" } else { "F32" }.into();
        });
        assert!(typed.contains(&name) && typed.contains("type"), "{name}: {typed}");
        let missing = refused(with_header(&good, |header| {
            let tensor = header.as_object_mut().unwrap().remove(&name).unwrap();
            header["unheard.of"] = tensor;
        }));
        // Without vectors, what goes with them has no use.
        let named = if name == "catalog.vectors" { "catalog.bias" } else { &name };
        assert!(missing.contains(named), "{name}: {missing}");

        let mut nan = good.clone();
        let (header, metadata) = safetensors::SafeTensors::read_metadata(&good).unwrap();
        let info = metadata.info(&name).unwrap();
        if info.dtype == safetensors::Dtype::F32 {
            let end = 8 + header + info.data_offsets.1;
            nan[end - 4..end].copy_from_slice(&f32::NAN.to_le_bytes());
            let nan = refused(nan);
            assert!(nan.contains(&name) && nan.contains("NaN"), "{name}: {nan}");
        }
    }
}

#[test]
fn metadata_of_vectors_priors_and_body_is_checked() {
    let good = bytes(&sample_with_vectors());
    let metadata = |key: &str, old: &str, new: &str| {
        refused(with_header(&good, |header| {
            let value = header["__metadata__"][key].as_str().unwrap().to_string();
            assert!(value.contains(old), "{old} is not in {value}");
            header["__metadata__"][key] = value.replacen(old, new, 1).into();
        }))
    };
    for (old, new, named) in [
        ("\"variance\":0.25", "\"variance\":-0.25", "variance"),
        ("\"variance\":0.25", "\"variance\":1e300", "variance"),
        ("\"variance\":0.25", "\"variance\":null", "melu.priors"),
        ("\"variance\":0.25", "\"variance\":0.25,\"mean\":0", "mean"),
        ("\"user\"", "\"person\"", "person"),
        ("{\"values\":\"genres\"}", "{\"value\":\"genres\"}", "value"),
        ("{\"values\":\"genres\"}", "{\"values\":\"genre\"}", "genre"),
        ("{\"values\":\"genres\"}", "{\"values\":\"year\"}", "year"),
        ("{\"values\":\"genres\"}", "{\"values\":\"studio\"}", "prior.item.0.weight"),
        ("{\"values\":\"genres\"},", "", "prior.item.0.weight"),
        ("{\"values\":\"genres\"}", "{\"shared\":\"genres\"}", "prior.item.0.confidence"),
        ("[\"studio\",\"label\"]", "[\"studio\",\"genres\"]", "genres"),
        ("[\"studio\",\"label\"]", "[\"studio\"]", "melu.priors"),
        ("\"lowest\":-2.0", "\"lowest\":2.0", "year"),
        ("\"lowest\":-2.0", "\"lowest\":-1e300", "lowest"),
        ("\"lowest\":-2.0", "\"least\":-2.0", "least"),
        ("\"highest\":1.5", "\"highest\":1.5,\"step\":1", "step"),
        ("\"field\":\"year\"", "\"field\":\"label\"", "label"),
    ] {
        let message = metadata("melu.priors", old, new);
        assert!(message.contains(named), "{new}: {message}");
    }
    for (old, new, named) in [
        ("\"factors\":3", "\"factors\":4", "body.0.weight"),
        ("\"factors\":3,", "", "factors"),
        ("\"factors\":3", "\"factors\":18446744073709551615", "factors"),
        ("\"factors\":3", "\"factors\":4611686018427387904", "melu.config"),
        ("[6,4]", "[6,4,4]", "body.2.weight"),
        ("[6,4]", "[6,4611686018427387904]", "melu.config"),
        ("[6,4]", "[]", "genres"),
        ("\"size\":5,\"embedded\":false", "\"size\":5", "region"),
        ("\"embedded\":false", "\"embedded\":true", "item.studio.weight"),
        ("\"embedding_dim\":5", "\"embedding_dim\":0", "item.genres.weight"),
        ("\"noise\":0.75", "\"noise\":1e300", "noise"),
        ("\"noise\":0.75", "\"noise\":0.75,\"pull\":1", "ridge"),
        ("\"item_variance\":0.5", "\"item_variance\":-1e-9", "item_variance"),
    ] {
        let message = metadata("melu.config", old, new);
        assert!(message.contains(named), "{new}: {message}");
    }
    let message = refused(with_header(&good, |header| {
        header["__metadata__"].as_object_mut().unwrap().remove("melu.priors");
    }));
    assert!(message.contains("melu.priors"), "{message}");
}

#[test]
fn vectors_need_an_item_prior_and_priors_need_vectors() {
    let mut contents = sample_with_vectors();
    (contents.item_prior, contents.user_prior) = (None, None);
    assert!(refused(bytes(&contents)).contains("melu.priors"));
    let mut contents = sample_with_vectors();
    contents.item_prior = None;
    assert!(refused(bytes(&contents)).contains("melu.priors"));
    for with_item in [true, false] {
        let vectors = sample_with_vectors();
        let mut contents = sample();
        let prior = |width: usize| Prior::new(&[], vec![0.5; width].into(), Vec::new()).unwrap();
        if with_item {
            contents.item_prior =
                Some(ItemPrior { prior: prior(1), ..vectors.item_prior.unwrap() });
        } else {
            contents.user_prior = Some(prior(0));
        }
        assert!(refused(bytes(&contents)).contains("melu.priors"));
    }
}

#[test]
fn sizes_without_tensors_cost_nothing() {
    let field =
        |name: &str, size| Field { name: name.into(), kind: FieldKind::One, size, embedded: false };
    let plain = sample_with_vectors();
    let prior = |width: usize| Prior::new(&[], vec![0.5; width].into(), Vec::new()).unwrap();
    for embedding_dim in [0, 1 << 40, usize::MAX] {
        let contents = Contents {
            config: Config {
                item_fields: vec![field("a", u32::MAX as usize)],
                user_fields: vec![field("b", u32::MAX as usize)],
                embedding_dim,
                factors: 1,
                body: Vec::new(),
                ..plain.config.clone()
            },
            item_embeddings: vec![Vec::new().into()],
            user_embeddings: vec![Vec::new().into()],
            body: Vec::new(),
            head: vec![0.5; 2],
            head_scale: vec![1.0; 2],
            item_prior: Some(ItemPrior { prior: prior(2), variance: 1.0 }),
            user_prior: Some(prior(2)),
            choice: None,
            item_vocabularies: vec![None],
            user_vocabularies: vec![None],
            catalog: None,
            evidence: None,
            familiarity: None,
            training: None,
        };
        use_all(&Model::from_bytes(bytes(&contents)).unwrap());
    }
}

#[test]
fn parts_that_do_not_fit_each_other_are_refused() {
    let refuse = |what: &str, change: &dyn Fn(&mut Contents)| {
        let mut contents = sample_with_vectors();
        change(&mut contents);
        let model = Model::from_contents(contents);
        assert!(matches!(model, Err(Error::Argument { .. })), "{what}: {model:?}");
    };
    fn vectors(contents: &mut Contents) -> &mut ItemVectors {
        contents.catalog.as_mut().unwrap().vectors.as_mut().unwrap()
    }
    fn evidence(contents: &mut Contents) -> &mut EvidenceTable {
        contents.evidence.as_mut().unwrap()
    }
    refuse("head", &|c| c.head = vec![0.0; 3]);
    refuse("body", &|c| c.body.truncate(3));
    refuse("no body", &|c| c.body = Vec::new());
    refuse("scale", &|c| c.head_scale = Vec::new());
    refuse("a scale", &|c| c.head_scale[7] = f32::NAN);
    refuse("no embeddings", &|c| c.item_embeddings = Vec::new());
    refuse("no vocabularies", &|c| c.user_vocabularies = Vec::new());
    refuse("more names than values", &|c| c.user_vocabularies[0] = names(&["a"; 0]));
    refuse("names of numbers", &|c| c.item_vocabularies[2] = names(&["a", "b"]));
    refuse("a field of no size", &|c| {
        c.config.item_fields[0].size = 0;
        c.item_embeddings[0] = Vec::new().into();
    });
    refuse("an embedding's size", &|c| {
        c.config.item_fields[0].size = usize::MAX / 4;
        c.config.embedding_dim = 8;
    });
    refuse("a number's size", &|c| {
        c.config.item_fields[2].size = 1;
        c.item_embeddings[2] = vec![0.0; 5].into();
    });
    refuse("a number's deviation", &|c| {
        c.config.item_fields[2].kind = FieldKind::Numeric(NumberScale::new(0.0, 0.0));
    });
    refuse("two fields of one name", &|c| c.config.user_fields[1].name = "region".into());
    refuse("no item prior", &|c| c.item_prior = None);
    refuse("item prior's width", &|c| {
        c.item_prior.as_mut().unwrap().prior = c.user_prior.clone().unwrap()
    });
    refuse("item prior's variance", &|c| c.item_prior.as_mut().unwrap().variance = -1.0);
    refuse("user prior's width", &|c| c.user_prior = Some(c.item_prior.clone().unwrap().prior));
    refuse("a prior of other fields", &|c| {
        let far = [c.config.item_fields.clone(), c.config.user_fields.clone()].concat();
        let term = Term { input: Input::Values { field: 5 }, weights: vec![0.0; 2 * 8].into() };
        c.user_prior = Some(Prior::new(&far, vec![0.0; 8].into(), vec![term]).unwrap());
    });
    refuse("vectors' width", &|c| vectors(c).vectors = vec![0.0; 8].into());
    refuse("biases", &|c| vectors(c).bias = Vec::new().into());
    refuse("variances", &|c| vectors(c).variance = vec![0.0; 4].into());
    refuse("raters", &|c| vectors(c).raters = vec![0; 2].into());
    refuse("vectors of a model without", &|c| {
        *c = Contents { catalog: c.catalog.clone(), ..sample() };
    });
    refuse("columns", &|c| drop(c.catalog.as_mut().unwrap().columns.pop()));
    refuse("titles", &|c| c.catalog.as_mut().unwrap().titles = Some(Strings::from_iter(["x"])));
    refuse("evidence beyond the catalogue", &|c| evidence(c).items = vec![0, 3].into());
    refuse("evidence of another length", &|c| evidence(c).scores = vec![0.5].into());
    refuse("evidence without a catalogue", &|c| c.catalog = None);
    refuse("who knows other items", &|c| {
        c.familiarity = Some(Familiarity::new(vec![1.0].into(), vec![1, 2].into()).unwrap());
    });
    use_all(&Model::from_contents(sample_with_vectors()).unwrap());
}

#[test]
fn a_head_in_closed_form_is_of_bounded_width() {
    // Its memory grows with the square of its width.
    let config = |width: usize| {
        let json = format!(
            r#"{{"item_fields": [{{"name": "a", "kind": "one", "size": 1}}], "user_fields": [],
                "embedding_dim": {width}, "hidden": [], "loss": "mse",
                "local": {{"solver": "ridge", "noise": 1}}}}"#
        );
        Config::from_json(&json)
    };
    assert!(config(1023).is_ok());
    for width in [1024, 1_000_000, usize::MAX / 2] {
        assert!(config(width).unwrap_err().to_string().contains("ridge"), "{width}");
    }
}

/// How long the header is that stands after its length.
fn header_len(bytes: &[u8]) -> usize {
    u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5000, ..ProptestConfig::default() })]

    /// Whatever happened to a file, it is refused or can be used whole.
    #[test]
    fn damaged_files_do_no_harm(
        cut in prop::option::of(0usize..6000),
        edits in prop::collection::vec((0usize..6000, any::<u8>()), 0..4),
        extra in 0usize..9,
        vectors: bool,
    ) {
        thread_local!(static GOOD: [Vec<u8>; 2] =
            [sample(), sample_with_vectors()].map(|contents| bytes(&contents)));
        let mut damaged = GOOD.with(|good| good[usize::from(vectors)].clone());
        for (place, byte) in edits {
            let len = damaged.len();
            damaged[place % len] = byte;
        }
        if let Some(cut) = cut {
            damaged.truncate(cut);
        }
        damaged.resize(damaged.len() + extra, 0);
        if let Ok(model) = Model::from_bytes(damaged) {
            use_all(&model);
        }
    }

    /// A header whose numbers claim other sizes, shapes and places.
    #[test]
    fn false_numbers_do_no_harm(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12), 1..4),
        vectors: bool,
    ) {
        const CLAIMS: [&str; 12] = [
            "0", "1", "2", "3", "8", "65", "4294967295", "4294967296", "4611686018427387904",
            "18446744073709551615", "1e39", "-1",
        ];
        thread_local!(static GOOD: [Vec<u8>; 2] =
            [sample(), sample_with_vectors()].map(|contents| bytes(&contents)));
        let good = GOOD.with(|good| good[usize::from(vectors)].clone());
        let len = header_len(&good);
        let mut header = String::from_utf8(good[8..8 + len].to_vec()).unwrap();
        for (place, claim) in edits {
            let is_digit = |at: usize| header.as_bytes()[at].is_ascii_digit();
            let starts: Vec<usize> =
                (1..header.len()).filter(|&at| is_digit(at) && !is_digit(at - 1)).collect();
            let start = *place.get(&starts);
            let end = (start..header.len()).find(|&at| !is_digit(at)).unwrap();
            header.replace_range(start..end, CLAIMS[claim]);
        }
        let length = (header.len() as u64).to_le_bytes();
        let file = [&length, header.as_bytes(), &good[8 + len..]].concat();
        if let Ok(model) = Model::from_bytes(file) {
            use_all(&model);
        }
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Model::from_bytes(bytes).is_err());
    }
}
