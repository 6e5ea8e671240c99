use super::*;

const CONTRACT: &str = r#"{
    "item_fields": [{"name": "rate", "kind": "one", "size": 6},
                    {"name": "genres", "kind": "multi", "size": 25},
                    {"name": "year", "kind": "numeric", "mean": 1990.5, "std": 7.25}],
    "user_fields": [{"name": "gender", "kind": "one", "size": 2}],
    "embedding_dim": 32,
    "hidden": [64, 64],
    "loss": "mse",
    "output": {"scale": 1.0, "offset": 0.0},
    "local": {"solver": "gradient", "steps": 1, "rate": 5e-6}
}"#;

fn gradient(steps: usize, rates: &[f32]) -> Local {
    Local::Gradient(GradientSteps { steps, rates: rates.to_vec(), pull: 0.0 })
}

#[test]
fn reads_and_writes_the_contract() {
    let config = Config::from_json(CONTRACT).unwrap();
    assert_eq!(config.item_fields.len(), 3);
    assert_eq!(config.item_fields[2].size, 2);
    assert_eq!(config.local, gradient(1, &[5e-6; 6]));
    assert_eq!(Config::from_json(&config.to_json()), Ok(config));
}

#[test]
fn keeps_medians() {
    let with = |medians: &str| {
        let medians = format!("\"medians\": {medians}, \"local\"");
        Config::from_json(&CONTRACT.replace("\"local\"", &medians))
    };
    let config = with(r#"{"cuts": [2.5, 3.25], "values": [1.0, 3.0, 4.0]}"#).unwrap();
    let medians = config.medians.as_ref().unwrap();
    assert_eq!((medians.cuts(), medians.values()), (&[2.5, 3.25][..], &[1.0, 3.0, 4.0][..]));
    assert_eq!(Config::from_json(&config.to_json()), Ok(config));
    for refused in [r#"{"cuts": [], "values": []}"#, r#"{"values": [1]}"#, "[]"] {
        assert!(with(refused).unwrap_err().to_string().contains("medians"), "{refused}");
    }
}

#[test]
fn keeps_one_rate_per_tensor() {
    let rates = r#"{"head.0.weight": 0.01, "head.0.bias": 0.02, "head.1.weight": 0.03,
        "head.1.bias": 0.04, "head.2.weight": 0.05, "head.2.bias": 0.06}"#;
    let config = Config::from_json(&CONTRACT.replace("5e-6", rates)).unwrap();
    assert_eq!(config.local, gradient(1, &[0.01, 0.02, 0.03, 0.04, 0.05, 0.06]));
    assert_eq!(Config::from_json(&config.to_json()), Ok(config));
}

#[test]
fn reads_and_writes_vectors_body_and_ridge() {
    let json = CONTRACT
        .replace(
            "\"embedding_dim\": 32",
            "\"embedding_dim\": 8, \"factors\": 25, \"body\": [64, 16]",
        )
        .replace("\"size\": 6}", "\"size\": 6, \"embedded\": false}")
        .replace("\"size\": 2}", "\"size\": 2, \"embedded\": false}")
        .replace("\"hidden\": [64, 64]", "\"hidden\": []")
        .replace(
            "\"gradient\", \"steps\": 1, \"rate\": 5e-6",
            "\"ridge\", \"noise\": 0.5, \"item_variance\": 1.25, \"calibration\": 0.75",
        );
    let config = Config::from_json(&json).unwrap();
    assert_eq!(
        config.local,
        Local::Ridge(Ridge { noise: 0.5, item_variance: 1.25, calibration: 0.75 })
    );
    assert_eq!(Config::from_json(&config.to_json()), Ok(config.clone()));
    // A vector, the numbers beside it, and two embeddings, of which one is a line.
    assert_eq!((config.item_width(), config.user_width()), (Some(25 + 4 + 16), Some(0)));
    assert_eq!(config.feature_width(), Some(25 + 16));
    assert_eq!(config.body_network().unwrap().unwrap().layers()[0].inputs, 45);
    assert_eq!(config.head_network().unwrap().layers()[0].inputs, 25 + 16);
    for (old, new, named) in [
        ("\"hidden\": []", "\"hidden\": [3]", "hidden"),
        ("\"noise\": 0.5", "\"noise\": 0", "noise"),
        ("\"noise\": 0.5,", "", "noise"),
        ("\"noise\"", "\"steps\": 1, \"noise\"", "ridge"),
        ("1.25", "-1", "item_variance"),
        ("[64, 16]", "[64, 0]", "body"),
        ("[64, 16]", "[]", "genres"),
        ("\"factors\": 25, ", "", "factors"),
        ("\"size\": 2, \"embedded\": false", "\"size\": 2", "gender"),
        ("\"factors\": 25", "\"factors\": 18446744073709551615", "factors"),
    ] {
        assert!(json.contains(old));
        let error = Config::from_json(&json.replace(old, new)).unwrap_err().to_string();
        assert!(error.contains(named), "{named}: {error}");
    }
}

#[test]
fn refuses_what_it_does_not_know_and_names_it() {
    for (old, new, named) in [
        ("\"loss\"", "\"dropout\": 0.1, \"loss\"", "dropout"),
        ("\"kind\": \"one\", \"size\": 6", "\"kind\": \"one\"", "rate"),
        ("\"std\": 7.25", "\"std\": 0", "year"),
        ("\"gender\"", "\"\"", "user field 0"),
        ("\"genres\"", "\"rate\"", "rate"),
        ("\"genres\"", "\"ids\"", "ids"),
        ("\"gradient\"", "\"newton\"", "newton"),
        ("\"steps\": 1", "\"steps\": 1000000000", "steps"),
        ("5e-6", "-1", "rate"),
        ("5e-6", "1e300", "rate"),
        ("5e-6", "{\"head.0.weight\": 0.1}", "head.0.bias"),
        ("\"scale\": 1.0", "\"scale\": 0", "scale"),
        ("\"mse\"", "\"hinge\"", "hinge"),
        ("[64, 64]", "[64, 0]", "hidden"),
        ("\"hidden\"", "\"catalog\": \"f64\", \"hidden\"", "f16"),
        ("\"hidden\"", "\"catalog\": 16, \"hidden\"", "catalog"),
        ("\"hidden\"", "\"catalog\": \"f16\", \"catalog\": \"f32\", \"hidden\"", "catalog"),
        ("\"embedding_dim\": 32", "\"embedding_dim\": 0", "embedding_dim"),
        ("\"embedding_dim\": 32", "\"embedding_dim\": 18446744073709551615", "embedding_dim"),
        ("[64, 64]", "[4294967296, 4294967296, 64]", "too large"),
    ] {
        assert!(CONTRACT.contains(old));
        let error = Config::from_json(&CONTRACT.replace(old, new)).unwrap_err().to_string();
        assert!(error.contains(named), "{named}: {error}");
    }
}
