//! Samples against an independent reading of the schema.

use super::*;
use proptest::prelude::*;
use serde_json::json;

/// Whether `value` satisfies the keywords that the maker claims to read.
fn satisfies(root: &Value, schema: &Value, value: &Value) -> bool {
    let Some(map) = schema.as_object() else { return schema == &Value::Bool(true) };
    map.iter().all(|(key, want)| keyword(root, map, key, want, value))
}

fn keyword(root: &Value, map: &Map<String, Value>, key: &str, want: &Value, value: &Value) -> bool {
    let (number, limit) = (value.as_f64(), want.as_f64());
    let compare = |holds: fn(f64, f64) -> bool| match (number, limit) {
        (Some(number), Some(limit)) => holds(number, limit),
        _ => true,
    };
    let length = value.as_str().map(|text| text.chars().count() as f64);
    let items = value.as_array().map(|items| items.len() as f64);
    let sized = |size: Option<f64>, holds: fn(&f64, &f64) -> bool| {
        size.zip(limit).is_none_or(|(size, limit)| holds(&size, &limit))
    };
    let list = || want.as_array().unwrap();
    match key {
        "const" => value == want,
        "enum" => list().contains(value),
        "$ref" => satisfies(root, root.pointer(&want.as_str().unwrap()[1..]).unwrap(), value),
        "allOf" => list().iter().all(|s| satisfies(root, s, value)),
        "anyOf" | "oneOf" => list().iter().any(|s| satisfies(root, s, value)),
        "type" => match want {
            Value::Array(names) => names.iter().any(|name| is(value, name.as_str().unwrap())),
            name => is(value, name.as_str().unwrap()),
        },
        "required" => {
            value.as_object().is_none_or(|o| list().iter().all(|k| o.contains_key(k.as_str().unwrap())))
        }
        "properties" => value
            .as_object()
            .is_none_or(|o| o.iter().all(|(k, v)| want.get(k).is_none_or(|s| satisfies(root, s, v)))),
        "additionalProperties" => value.as_object().is_none_or(|o| {
            let known = map.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
            o.iter().filter(|(k, _)| !known.contains_key(*k)).all(|(_, v)| satisfies(root, want, v))
        }),
        "minProperties" => value.as_object().is_none_or(|o| o.len() as f64 >= limit.unwrap()),
        "items" => value.as_array().is_none_or(|a| a.iter().all(|v| satisfies(root, want, v))),
        "prefixItems" => {
            value.as_array().is_none_or(|a| a.iter().zip(list()).all(|(v, s)| satisfies(root, s, v)))
        }
        "minItems" => sized(items, f64::ge),
        "maxItems" => sized(items, f64::le),
        "minLength" => sized(length, f64::ge),
        "maxLength" => sized(length, f64::le),
        "minimum" => compare(|n, l| n >= l),
        "maximum" => compare(|n, l| n <= l),
        "exclusiveMinimum" => compare(|n, l| n > l),
        "exclusiveMaximum" => compare(|n, l| n < l),
        "multipleOf" => compare(|n, l| (n / l - (n / l).round()).abs() < 1e-9),
        _ => true,
    }
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "integer" => value.as_f64().is_some_and(|n| n.fract() == 0.0),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other}"),
    }
}

fn check(schema: &Value) -> Value {
    let value = sample(schema).unwrap_or_else(|error| panic!("{error}: {schema}"));
    assert!(satisfies(schema, schema, &value), "{value} for {schema}");
    value
}

#[test]
fn what_clients_send() {
    let city = check(
        &json!({"type": "object", "properties": {"city": {"type": "string"}, "unit": {"enum": ["c", "f"]}},
        "required": ["city", "unit"], "additionalProperties": false}),
    );
    assert_eq!(city, json!({"city": "example city", "unit": "c"}));
    assert_eq!(
        check(&json!({"type": "object", "properties": {"q": {"type": "string"}}})),
        json!({"q": "example q"})
    );
    assert_eq!(check(&json!({"type": "object"})), json!({}));
    assert_eq!(check(&json!({"type": ["null", "integer"], "minimum": 5})), json!(5));
    assert_eq!(check(&json!({"anyOf": [{"type": "null"}, {"type": "boolean"}]})), json!(true));
    assert_eq!(check(&json!({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1})), json!(0.5));
    assert_eq!(check(&json!({"type": "integer", "exclusiveMaximum": -3, "multipleOf": 5})), json!(-5));
    assert_eq!(
        check(&json!({"type": "array", "items": {"enum": [1, 2, 3]}, "minItems": 3})),
        json!([1, 2, 3])
    );
    assert_eq!(check(&json!({"type": "string", "maxLength": 3})), json!("exa"));
    assert_eq!(check(&json!({"type": "string", "format": "date"})), json!("2026-01-01"));
    assert_eq!(
        check(&json!({"minProperties": 2, "additionalProperties": {"type": "integer"}})),
        json!({"key1": 1, "key2": 1})
    );
    assert_eq!(
        check(
            &json!({"allOf": [{"type": "object", "required": ["a"]}, {"properties": {"a": {"const": 7}}}]})
        ),
        json!({"a": 7})
    );
}

#[test]
fn bounds_that_exclude_themselves() {
    assert_eq!(check(&json!({"type": "integer", "exclusiveMinimum": 5})), json!(6));
    assert_eq!(check(&json!({"type": "integer", "exclusiveMinimum": 8, "multipleOf": 4})), json!(12));
    assert_eq!(check(&json!({"type": "integer", "minimum": 1.5, "maximum": 2})), json!(2));
    let draft4 = json!({"type": "integer", "minimum": 3, "exclusiveMinimum": true});
    assert_eq!(sample(&draft4), Ok(json!(4)));
    for impossible in [
        json!({"type": "number", "minimum": 1, "exclusiveMaximum": 1}),
        json!({"type": "number", "exclusiveMinimum": 1, "maximum": 1}),
        json!({"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2}),
        json!({"type": "integer", "minimum": 5, "maximum": 7, "multipleOf": 4}),
    ] {
        assert!(matches!(sample(&impossible), Err(SchemaError::Nothing(_))), "{impossible}");
    }
}

#[test]
fn a_list_without_possible_elements_is_empty_if_it_may_be() {
    assert_eq!(check(&json!({"type": "array", "items": false})), json!([]));
    let must = json!({"type": "array", "items": false, "minItems": 1});
    assert_eq!(sample(&must), Err(SchemaError::Nothing("false")));
    assert_eq!(check(&json!({"type": "array", "maxItems": 0})), json!([]));
}

#[test]
fn references_and_recursion() {
    let tree = json!({"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "required": ["name", "children"],
        "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}}}});
    let value = check(&tree);
    assert!(value.to_string().len() < 1000, "{value}");
    let escape = json!({"$defs": {"n": {"type": "object", "required": ["next"], "properties":
        {"next": {"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]}}}}, "$ref": "#/$defs/n"});
    check(&escape);
}

#[test]
fn what_has_no_value_is_an_error() {
    let endless = json!({"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#"}}});
    assert_eq!(sample(&endless), Err(SchemaError::TooDeep));
    let two = json!({"type": "object", "required": ["a", "b"], "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}});
    assert_eq!(sample(&two), Err(SchemaError::TooDeep));
    let bomb = json!({"type": "array", "minItems": 40, "items": {"type": "array", "minItems": 40,
        "items": {"type": "array", "minItems": 40}}});
    assert_eq!(sample(&bomb), Err(SchemaError::TooLarge));
    assert_eq!(sample(&json!({"type": "string", "minLength": 9e15 as u64})), Err(SchemaError::TooLarge));
    assert_eq!(sample(&json!({"$ref": "#/nowhere"})), Err(SchemaError::Reference("#/nowhere".into())));
    assert_eq!(sample(&json!({"$ref": "#"})), Err(SchemaError::TooDeep));
    assert_eq!(sample(&json!({"enum": []})), Err(SchemaError::Nothing("enum")));
    assert!(matches!(
        sample(&json!({"type": "integer", "minimum": 5, "maximum": 4})),
        Err(SchemaError::Nothing(_))
    ));
    assert_eq!(sample(&json!("x")), Err(SchemaError::NotASchema));
}

fn leaf() -> impl Strategy<Value = Value> {
    let integer = (-1000_i64..1000, 0_i64..500, 1_i64..7).prop_map(|(low, span, step)| {
        json!({"type": "integer", "minimum": low, "maximum": low + span + step, "multipleOf": step})
    });
    let number = (-1e6..1e6, 1e-3..1e6).prop_map(|(low, span): (f64, f64)| {
        json!({"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": low + span})
    });
    let half = (-1e6..1e6_f64).prop_map(|low| json!({"type": "number", "minimum": low}));
    let text = (0_u64..40, 0_u64..40)
        .prop_map(|(least, more)| json!({"type": "string", "minLength": least, "maxLength": least + more}));
    let choice = proptest::collection::vec("[a-z]{1,5}", 1..4).prop_map(|words| json!({"enum": words}));
    prop_oneof![
        integer,
        number,
        half,
        text,
        choice,
        Just(json!({"type": "boolean"})),
        Just(json!({"const": null}))
    ]
}

fn schema() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        let fields = proptest::collection::vec(("[a-z]{1,4}", inner.clone(), any::<bool>()), 0..4);
        let object = (fields, 0_u64..3).prop_map(|(fields, least)| {
            let required: Vec<&str> = fields.iter().filter(|f| f.2).map(|f| f.0.as_str()).collect();
            let properties: Map<String, Value> = fields.iter().map(|f| (f.0.clone(), f.1.clone())).collect();
            json!({"type": "object", "properties": properties, "required": required, "minProperties": least})
        });
        let array = (inner.clone(), 0_u64..4, 0_u64..3)
            .prop_map(|(items, least, more)| json!({"type": "array", "items": items, "minItems": least, "maxItems": least + more}));
        let any = proptest::collection::vec(inner, 1..3).prop_map(|options| json!({"anyOf": options}));
        prop_oneof![object, array, any]
    })
}

proptest! {
    #[test]
    fn samples_satisfy_their_schema(schema in schema()) {
        match sample(&schema) {
            Ok(value) => prop_assert!(satisfies(&schema, &schema, &value), "{value} for {schema}"),
            Err(error) => prop_assert_eq!(error, SchemaError::TooLarge),
        }
    }

    #[test]
    fn any_json_is_answered(text in "\\PC{0,80}") {
        if let Ok(schema) = serde_json::from_str(&text) {
            let _ = sample(&schema);
        }
    }
}
