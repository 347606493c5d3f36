//! Calls of every root field, made from the schema's own text.

use std::collections::BTreeMap;

use async_graphql::Value as Constant;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, Type, TypeDefinition, TypeKind, TypeSystemDefinition,
};

use crate::authorization::world::Kind;

/// Values that a position needs and that its type does not tell: `InputType.field` or `Root.field.argument`.
///
/// Add a line when a call of a new field is refused before it is looked at.
const VALUES: &[(&str, &str)] = &[
    ("CronSpecInput.expressions", "[\"0 9 * * *\"]"),
    ("EventEmitInput.payload", "{}"),
    ("EventEmitInput.type", "\"order.looked.at\""),
    ("ExecutionStartInput.workflow", "{ slug: \"matrix\" }"),
    ("LabelFilter.name", "\"team\""),
    ("ScheduleCreateInput.workflow", "{ slug: \"matrix\" }"),
    ("errorGroups.window", "{ last: \"PT1H\" }"),
    ("statistics.window", "{ last: \"PT1H\" }"),
    ("WebhookEndpointCreateInput.eventTypes", "[\"execution.*\"]"),
    ("WorkflowTestRunInput.source", "\"workflow_id: x\""),
];

/// The schema by name.
pub struct Schema(BTreeMap<String, TypeDefinition>);

/// One root field.
#[derive(Debug, Clone)]
pub struct Root {
    /// `query`, `mutation` or `subscription`.
    pub operation: &'static str,
    pub name: String,
    /// What it declares: `public`, `signedIn`, or the name of a permission.
    pub needs: Option<String>,
    field: FieldDefinition,
}

/// A place for an id somewhere in the arguments of a field.
#[derive(Debug, Clone)]
pub struct Position {
    /// Such as `input.workflow.id`.
    pub path: Vec<String>,
    /// What sort of object it names.
    pub kind: Kind,
}

/// How the ids of a call are chosen.
pub trait Ids {
    /// The id, as text of the document.
    fn id(&self, path: &[String], kind: Kind) -> String;
}

impl Schema {
    pub fn new() -> Self {
        let schema = parse_schema(sluice_api::graphql::sdl()).unwrap();
        let types = schema.definitions.into_iter().filter_map(|definition| match definition {
            TypeSystemDefinition::Type(definition) => Some((definition.node.name.node.to_string(), definition.node)),
            TypeSystemDefinition::Schema(_) | TypeSystemDefinition::Directive(_) => None,
        });
        Self(types.collect())
    }

    pub fn roots(&self) -> Vec<Root> {
        let mut roots = Vec::new();
        for (name, operation) in [("Query", "query"), ("Mutation", "mutation"), ("Subscription", "subscription")] {
            let TypeKind::Object(object) = &self.0[name].kind else { panic!("{name} is no object") };
            for field in &object.fields {
                let field = field.node.clone();
                roots.push(Root { operation, name: field.name.node.to_string(), needs: needs(&field), field });
            }
        }
        roots
    }

    /// A document that calls `root` with as little as it takes, and with the positions of `wanted` on top.
    pub fn call(&self, root: &Root, wanted: Option<&Position>, ids: &dyn Ids) -> String {
        let mut arguments = Vec::new();
        for argument in &root.field.arguments {
            let argument = &argument.node;
            let name = argument.name.node.to_string();
            let path = vec![name.clone()];
            let rest = wanted.filter(|position| position.path[0] == name);
            if rest.is_some() || is_required(argument) {
                let place = format!("{}.{name}", root.name);
                let value = self.value(&argument.ty.node, &place, &path, &root.name, rest, ids);
                arguments.push(format!("{name}: {value}"));
            }
        }
        let arguments = if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
        let selection = self.selection(named(&root.field.ty.node), 2);
        format!("{} {{ {}{arguments}{selection} }}", root.operation, root.name)
    }

    /// Every place for an id in the arguments of `root`, filters of filters left out.
    pub fn positions(&self, root: &Root) -> Vec<Position> {
        let mut found = Vec::new();
        for argument in &root.field.arguments {
            let argument = &argument.node;
            let path = vec![argument.name.node.to_string()];
            self.collect(&argument.ty.node, &root.name, &path, &mut Vec::new(), &mut found);
        }
        found
    }

    fn collect(&self, ty: &Type, owner: &str, path: &[String], seen: &mut Vec<String>, found: &mut Vec<Position>) {
        let name = named(ty);
        if name == "ID" {
            let last = path.last().unwrap();
            found.push(Position { path: path.to_vec(), kind: Kind::of(owner, last) });
            return;
        }
        let Some(TypeKind::InputObject(input)) = self.0.get(name).map(|ty| &ty.kind) else { return };
        if seen.iter().any(|known| known == name) {
            return;
        }
        seen.push(name.to_owned());
        for field in &input.fields {
            let mut path = path.to_vec();
            path.push(field.node.name.node.to_string());
            self.collect(&field.node.ty.node, name, &path, seen, found);
        }
        seen.pop();
    }

    fn value(
        &self,
        ty: &Type,
        place: &str,
        path: &[String],
        owner: &str,
        wanted: Option<&Position>,
        ids: &dyn Ids,
    ) -> String {
        let given = VALUES.iter().find(|(known, _)| *known == place).map(|(_, value)| (*value).to_owned());
        if let (Some(value), None) = (given, wanted.filter(|position| position.path.len() > path.len())) {
            return value;
        }
        match &ty.base {
            BaseType::List(inner) => format!("[{}]", self.value(inner, place, path, owner, wanted, ids)),
            BaseType::Named(name) => match name.as_str() {
                "ID" => ids.id(path, Kind::of(owner, path.last().unwrap())),
                "String" => "\"x\"".to_owned(),
                "Int" | "Long" => "1".to_owned(),
                "Float" => "1.0".to_owned(),
                "Boolean" => "false".to_owned(),
                "JSON" => "{}".to_owned(),
                "Duration" => "\"PT1S\"".to_owned(),
                "TimeZone" => "\"UTC\"".to_owned(),
                "URL" => "\"https://id.example.com\"".to_owned(),
                "DateTime" => "\"2026-11-23T12:00:00.000Z\"".to_owned(),
                name => self.complex(name, place, path, wanted, ids),
            },
        }
    }

    fn complex(&self, name: &str, place: &str, path: &[String], wanted: Option<&Position>, ids: &dyn Ids) -> String {
        let definition = &self.0[name];
        match &definition.kind {
            TypeKind::Enum(choice) => choice.values[0].node.value.node.to_string(),
            TypeKind::InputObject(input) => {
                let is_one = definition.directives.iter().any(|directive| directive.node.name.node == "oneOf");
                let next = wanted.and_then(|position| position.path.get(path.len()));
                let fields = input.fields.iter().map(|field| &field.node);
                let chosen: Vec<_> = if is_one {
                    let first = fields.clone().next();
                    let named = next.and_then(|next| fields.clone().find(|field| field.name.node == *next));
                    named.or(first).into_iter().collect()
                } else {
                    fields
                        .filter(|field| is_required(field) || next.is_some_and(|next| field.name.node == *next))
                        .collect()
                };
                let members = chosen.into_iter().map(|field| {
                    let key = field.name.node.to_string();
                    let mut path = path.to_vec();
                    path.push(key.clone());
                    let rest = wanted.filter(|position| position.path.starts_with(&path));
                    let place = format!("{name}.{key}");
                    format!("{key}: {}", self.value(&field.ty.node, &place, &path, name, rest, ids))
                });
                format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
            }
            TypeKind::Scalar | TypeKind::Object(_) | TypeKind::Interface(_) | TypeKind::Union(_) => panic!(
                "no value is known for `{place}` of type `{name}`: add the scalar to `value`, or a line to VALUES, \
                 in api/tests/authorization/walk.rs"
            ),
        }
    }

    /// What of a type is asked for: what tells one object from another, and no moments, which differ by themselves.
    fn selection(&self, name: &str, depth: u8) -> String {
        let fields = match &self.0[name].kind {
            TypeKind::Object(object) => &object.fields,
            TypeKind::Union(_) | TypeKind::Interface(_) => return " { __typename }".to_owned(),
            TypeKind::Scalar | TypeKind::Enum(_) | TypeKind::InputObject(_) => return String::new(),
        };
        let mut chosen = vec!["__typename".to_owned()];
        for field in fields.iter().map(|field| &field.node) {
            let (key, of) = (field.name.node.as_str(), named(&field.ty.node));
            if field.arguments.iter().any(|argument| is_required(&argument.node)) {
                continue;
            }
            match &self.0.get(of).map(|ty| &ty.kind) {
                Some(TypeKind::Object(_)) if depth > 0 && !of.ends_with("Connection") => {
                    chosen.push(format!("{key}{}", self.selection(of, depth - 1)));
                }
                Some(TypeKind::Object(_) | TypeKind::Union(_) | TypeKind::Interface(_)) => {}
                _leaf
                    if ["id", "code", "message", "field", "help", "totalCount", "isNew", "slug", "name"]
                        .contains(&key) =>
                {
                    chosen.push(key.to_owned());
                }
                _leaf => {}
            }
        }
        format!(" {{ {} }}", chosen.join(" "))
    }
}

fn needs(field: &FieldDefinition) -> Option<String> {
    field.directives.iter().find_map(|directive| match directive.node.name.node.as_str() {
        name @ ("public" | "signedIn") => Some(name.to_owned()),
        "authorized" => directive.node.arguments.iter().find_map(|(_, value)| match &value.node {
            Constant::Enum(name) => Some(name.to_string()),
            _other => None,
        }),
        _other => None,
    })
}

fn is_required(input: &InputValueDefinition) -> bool {
    !input.ty.node.nullable && input.default_value.is_none()
}

fn named(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(inner) => named(inner),
    }
}
