//! A call of every mutation of the schema, with the least that its input needs.

use async_graphql::value;
use serde_json::{Map, Value, json};

use crate::audit::world::World;

const TYPES: &str = "{ __schema { mutationType { fields { name args { name type { ...T } } type { ...T } } }
    types { kind name isOneOf inputFields { name defaultValue type { ...T } } enumValues { name } } } }
    fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// Name, document and variables of each.
pub async fn calls(world: &World) -> Vec<(String, String, async_graphql::Value)> {
    let answer = world.run_with(Some(&world.owner()), TYPES, value!({})).await;
    let schema = Types(answer["data"]["__schema"]["types"].as_array().unwrap().clone());
    let fields = answer["data"]["__schema"]["mutationType"]["fields"].as_array().unwrap();
    fields
        .iter()
        .map(|field| {
            let name = field["name"].as_str().unwrap().to_owned();
            let mut values = Map::new();
            let (mut declared, mut given) = (Vec::new(), Vec::new());
            for argument in field["args"].as_array().unwrap() {
                let argument_name = argument["name"].as_str().unwrap();
                values.insert(argument_name.to_owned(), schema.least(&argument["type"]));
                declared.push(format!("${argument_name}: {}", written(&argument["type"])));
                given.push(format!("{argument_name}: ${argument_name}"));
            }
            let document = if given.is_empty() {
                format!("mutation {{ {name} {{ __typename }} }}")
            } else {
                format!("mutation({}) {{ {name}({}) {{ __typename }} }}", declared.join(", "), given.join(", "))
            };
            let values = async_graphql::Value::from_json(Value::Object(values)).unwrap();
            (name, document, values)
        })
        .collect()
}

/// A type as a document writes it.
fn written(reference: &Value) -> String {
    match reference["kind"].as_str().unwrap() {
        "NON_NULL" => format!("{}!", written(&reference["ofType"])),
        "LIST" => format!("[{}]", written(&reference["ofType"])),
        _named => reference["name"].as_str().unwrap().to_owned(),
    }
}

struct Types(Vec<Value>);

impl Types {
    /// The least value of a type.
    fn least(&self, reference: &Value) -> Value {
        match reference["kind"].as_str().unwrap() {
            "NON_NULL" => self.needed(&reference["ofType"]),
            _optional => Value::Null,
        }
    }

    fn needed(&self, reference: &Value) -> Value {
        let name = reference["name"].as_str().unwrap_or_default();
        match reference["kind"].as_str().unwrap() {
            "LIST" => json!([self.least(&reference["ofType"])]),
            "ENUM" => self.named(name)["enumValues"][0]["name"].clone(),
            "INPUT_OBJECT" => self.object(self.named(name)),
            _scalar => match name {
                "ID" => json!(ids::WorkflowId::new().to_string()),
                "Int" => json!(1),
                "Boolean" => json!(true),
                "JSON" => json!({}),
                "Duration" => json!("1d"),
                "DateTime" => json!("2030-01-01T00:00:00Z"),
                _text => json!("x"),
            },
        }
    }

    fn object(&self, object: &Value) -> Value {
        let fields = object["inputFields"].as_array().unwrap();
        if object["isOneOf"] == true {
            let first = &fields[0];
            return json!({ first["name"].as_str().unwrap(): self.needed(&first["type"]) });
        }
        let needed =
            fields.iter().filter(|field| field["type"]["kind"] == "NON_NULL" && field["defaultValue"].is_null());
        let needed = needed.map(|field| (field["name"].as_str().unwrap().to_owned(), self.least(&field["type"])));
        Value::Object(needed.collect())
    }

    fn named(&self, name: &str) -> &Value {
        self.0.iter().find(|known| known["name"] == name).unwrap()
    }
}
