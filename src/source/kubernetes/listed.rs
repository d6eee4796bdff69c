//! Owns the reading of a listed object: all of it but its managed fields, which are half of most objects and name only
//! fields. Of these, the manager, its operation and the time are read; the rest stays text.

use super::table::Object;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor, value::SeqAccessDeserializer},
};
use serde_json::{Map, Value, value::RawValue};
use std::fmt;

/// An object of a list, with its managed fields apart.
#[derive(Clone, Debug)]
pub struct ListedObject {
    /// The object; its managed fields without `fieldsV1`.
    pub value: Value,
    /// `metadata.managedFields` as the server sent them; `None` if `value` has all of them.
    pub managed_fields: Option<Box<RawValue>>,
}

impl Object for ListedObject {
    fn key(&self) -> [&str; 3] {
        self.value.key()
    }

    fn set_type(&mut self, api_version: &str, kind: &str) {
        self.value.set_type(api_version, kind);
    }
}

impl<'de> Deserialize<'de> for ListedObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut managed_fields = None;
        let path = &["metadata", "managedFields"];
        let value = Members { path, managed_fields: &mut managed_fields }.deserialize(deserializer)?;
        Ok(Self { value, managed_fields })
    }
}

/// One manager, without the fields that it manages.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manager {
    #[serde(skip_serializing_if = "Option::is_none")]
    api_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manager: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subresource: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
}

/// Reads a value on the path to the managed fields. Anything there that is no object is read as it is.
struct Members<'m> {
    path: &'static [&'static str],
    managed_fields: &'m mut Option<Box<RawValue>>,
}

impl Members<'_> {
    fn managers(&mut self, raw: Box<RawValue>) -> serde_json::Result<Value> {
        match serde_json::from_str::<Vec<Manager>>(raw.get()) {
            Ok(managers) => {
                *self.managed_fields = Some(raw);
                serde_json::to_value(managers)
            }
            Err(_) => serde_json::from_str(raw.get()),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = match self.path.split_first() {
                Some((next, [])) if name == *next => {
                    self.managers(map.next_value()?).map_err(serde::de::Error::custom)?
                }
                Some((next, path)) if name == *next => {
                    map.next_value_seed(Members { path, managed_fields: &mut *self.managed_fields })?
                }
                _ => map.next_value()?,
            };
            members.insert(name, value);
        }
        Ok(members.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Value, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(items))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_bool<E>(self, is: bool) -> Result<Value, E> {
        Ok(is.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> ListedObject {
        serde_json::from_str(text).expect("an object")
    }

    #[test]
    fn who_manages_fields_is_read_and_which_stays_text() {
        let managed =
            r#"[{"time":"2026-11-22T15:00:00Z","manager":"helm","fieldsV1":{"f:spec":{"k:{\"a\":1}":{}}}},{}]"#;
        let object =
            read(&format!(r#"{{"kind":"Pod","metadata":{{"name":"a","managedFields":{managed}}},"spec":{{}}}}"#));
        let managers = json!([{ "manager": "helm", "time": "2026-11-22T15:00:00Z" }, {}]);
        let whole = json!({ "kind": "Pod", "metadata": { "name": "a", "managedFields": managers }, "spec": {} });
        assert_eq!(object.value, whole);
        assert_eq!(object.managed_fields.expect("managed fields").get(), managed);
    }

    #[test]
    fn what_is_elsewhere_or_of_another_form_is_read_as_any_value() {
        let odd = [
            json!(null),
            json!("a"),
            json!([1, -2, 0.5, true]),
            json!({ "metadata": null }),
            json!({ "metadata": [] }),
            json!({ "metadata": { "managedFields": null } }),
            json!({ "metadata": { "managedFields": { "a": 1 } } }),
            json!({ "metadata": { "managedFields": [{ "manager": 1, "fieldsV1": {} }] } }),
            json!({ "managedFields": [{ "fieldsV1": {} }], "spec": { "metadata": { "managedFields": [{ "fieldsV1": {} }] } } }),
        ];
        for value in odd {
            let object = read(&value.to_string());
            assert_eq!((object.value, object.managed_fields.is_none()), (value, true));
        }
    }
}
