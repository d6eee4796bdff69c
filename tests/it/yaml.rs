//! `yaml`: what is written is read back as the same, by every YAML there is.

use kubectl_escalate::yaml::{self, Step};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Read as something else than text by YAML 1.1, by YAML 1.2, or by some reader in use.
const MISREAD: &[&str] = &[
    "",
    " ",
    "~",
    "=",
    "<<",
    "-",
    "--",
    "---",
    "...",
    "?",
    ":",
    "#",
    "!",
    "&a",
    "*a",
    "@",
    "`",
    "%",
    "|",
    ">",
    "{",
    "}",
    "[",
    "]",
    ",",
    "y",
    "Y",
    "n",
    "N",
    "yes",
    "Yes",
    "YES",
    "no",
    "on",
    "On",
    "off",
    "OFF",
    "true",
    "True",
    "FALSE",
    "null",
    "Null",
    "NULL",
    "nan",
    ".nan",
    ".NaN",
    ".inf",
    "-.inf",
    "+.INF",
    "1e3",
    "1E3",
    "1.0e+3",
    "12e03",
    "0x1",
    "0X1F",
    "0b1",
    "0o7",
    "07",
    "010",
    "08",
    "1_000",
    "1,000",
    "+1",
    "-1",
    "1.",
    ".5",
    "1.5",
    "1.2.3",
    "10.0.0.1",
    "12:30",
    "12:30:45",
    "190:20:30.15",
    "2026-11-22",
    "2026-11-22T14:05:00Z",
    "2026-11-22 14:05:00",
    "3f2a",
    "123e4567",
    "a: b",
    "a:",
    "a #b",
    " a",
    "a ",
    "- a",
    "? a",
    "\t",
    "a\tb",
    "\r",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "\u{202e}",
    "\u{0}",
    "\u{7f}",
    "\"",
    "'",
    "\\",
];

#[test]
fn what_could_be_misread_is_quoted() {
    for text in MISREAD {
        let written = yaml::object(&json!(text));
        assert!(written.starts_with('"') && written.ends_with("\"\n"), "{text:?} is written {written:?}");
        assert_eq!(yaml::from_str::<String>(&written).unwrap(), *text);
    }
}

#[test]
fn what_kubernetes_is_full_of_stays_plain() {
    for text in [
        "spirl-server",
        "100Mi",
        "250m",
        "15Gi",
        "/metrics",
        "ghcr.io/spirl/spirl-server:v0.38.0",
        "--log-level=info",
        "a,b",
        "it's",
        "deployment.kubernetes.io/revision",
        "k:{\"containerPort\":9090}",
        "größe",
    ] {
        assert_eq!(yaml::object(&json!(text)), format!("{text}\n"));
    }
}

#[test]
fn an_object_looks_as_kubectl_prints_it() {
    let pod = json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {"name": "a-0", "creationTimestamp": "2026-11-22T14:05:00Z", "labels": {}, "annotations": {"on": "1"}},
        "spec": {"containers": [{"name": "a", "args": ["--x", "-y"], "ports": []}], "terminationGracePeriodSeconds": 30},
        "data": {"one": "a\nb\n", "two": "a\n\nb", "three": "a\n\n\n", "dents": " a\nb", "null": null, "long": "ü".repeat(200)},
    });
    let expected = format!(
        r#"apiVersion: v1
data:
  dents: " a\nb"
  long: {}
  "null": null
  one: |
    a
    b
  three: |+
    a


  two: |-
    a

    b
kind: Pod
metadata:
  annotations:
    "on": "1"
  creationTimestamp: "2026-11-22T14:05:00Z"
  labels: {{}}
  name: a-0
spec:
  containers:
  - args:
    - --x
    - "-y"
    name: a
    ports: []
  terminationGracePeriodSeconds: 30
"#,
        "ü".repeat(200)
    );
    assert_eq!(yaml::object(&pod), expected);
    assert_eq!(yaml::from_str::<Value>(&expected).unwrap(), pod);
}

#[test]
fn keys_are_sorted_and_lists_are_not_indented() {
    let value = json!({"rules": [{"verbs": ["get"]}], "kind": "Role"});
    assert_eq!(yaml::object(&value), "kind: Role\nrules:\n- verbs:\n  - get\n");
}

#[test]
fn numbers_are_numbers_to_every_reader() {
    // YAML 1.1 wants a dot, and a sign in the exponent.
    assert_eq!(yaml::object(&json!(1e300)), "1.0e+300\n");
    assert_eq!(yaml::object(&json!(2.5e-9)), "2.5e-9\n");
    assert_eq!(yaml::object(&json!(u64::MAX)), format!("{}\n", u64::MAX));
    assert_eq!(yaml::object(&json!(-0.5)), "-0.5\n");
}

#[test]
fn a_key_too_long_for_one_line_is_written_out() {
    let value = json!({"a": {"k".repeat(2000): "v", "b": [1]}});
    assert_eq!(yaml::from_str::<Value>(&yaml::object(&value)).unwrap(), value);
}

#[test]
fn an_error_tells_the_place_once() {
    let error = yaml::from_str::<std::collections::BTreeMap<String, u8>>("a: 1\nb: x: y\n").unwrap_err();
    assert_eq!((error.line, error.column), (Some(2), Some(4)));
    let error = yaml::from_str::<std::collections::BTreeMap<String, u8>>("a: 1\nb: x\n").unwrap_err();
    assert_eq!(
        (error.line, error.column, error.message.as_str()),
        (Some(2), Some(4), "invalid type: string \"x\", expected u8")
    );
}

#[test]
fn nodes_are_found_by_their_path() {
    let text = "a:\n  b:\n    - x\n    - {c: 1}\nd:\n";
    let (a, b, c) = (Step::Key("a"), Step::Key("b"), Step::Key("c"));
    assert_eq!(yaml::locate(text, &[a, b, Step::Item(0)]), Some((3, 7)));
    assert_eq!(yaml::locate(text, &[a, b, Step::Item(1), c]), Some((4, 11)));
    assert_eq!(yaml::locate(text, &[Step::Key("d")]), Some((5, 3)));
    // Not there: the last node that is.
    assert_eq!(yaml::locate(text, &[a, Step::Key("z")]), Some((2, 3)));
    assert_eq!(yaml::locate(text, &[a, b, Step::Item(9)]), Some((3, 5)));
}

fn values() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        any::<String>(),
        "[ a\t\n:#'\"-]{0,12}",
        "[0-9eExob_.:+-]{0,8}",
        proptest::sample::select(MISREAD).prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((text.clone(), inner), 0..5)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn written_and_read_is_the_same(value in values()) {
        let written = yaml::object(&value);
        prop_assert_eq!(&yaml::from_str::<Value>(&written).unwrap(), &value, "{}", written);
    }
}
