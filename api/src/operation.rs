//! A GraphQL request as it arrives on every transport, and its check before the engine sees it.

use async_graphql::{Request, ServerError, Variables};
use serde::Deserialize;
use serde_json::{Map, Value};
use service::Code;

use crate::documents::Documents;
use crate::errors;
use crate::guard::OperationKind;

/// The members of a GraphQL request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Params {
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Option<Map<String, Value>>,
    // Its type is checked; nothing in it is used yet.
    #[serde(default)]
    extensions: Option<Map<String, Value>>,
}

/// A request whose document passed the guard.
#[derive(Debug)]
pub(crate) struct Operation {
    pub request: Request,
    /// None when no operation has the wanted name; execution reports that.
    pub kind: Option<OperationKind>,
}

/// Why a body is no GraphQL request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ParamsError {
    #[error("the body is not JSON")]
    Json(#[source] serde_json::Error),
    #[error("batches are not accepted: send one request at a time")]
    Batch,
    #[error("the body is not a GraphQL request: {0}")]
    Shape(String),
}

impl Params {
    /// Reads a JSON body.
    pub fn parse(body: &[u8]) -> Result<Self, ParamsError> {
        if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
            return Err(ParamsError::Batch);
        }
        let params: Self = serde_json::from_slice(body).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => ParamsError::Shape(error.to_string()),
            _ => ParamsError::Json(error),
        })?;
        if !params.has_query() {
            return Err(ParamsError::Shape("`query` is missing".to_owned()));
        }
        Ok(params)
    }

    /// Whether there is a document at all.
    pub const fn has_query(&self) -> bool {
        self.query.is_some()
    }

    /// Checks the document.
    pub fn prepare(self, documents: &Documents) -> Result<Operation, ServerError> {
        let document = self.query.ok_or_else(|| errors::server_error(Code::BadRequest, "`query` is missing"))?;
        let known = documents.check(&document)?;
        let kind = known.outline.kind(self.operation_name.as_deref());
        let mut request = Request::new(document);
        if let Some(parsed) = &known.parsed {
            request.set_parsed_query(parsed.clone());
        }
        request.operation_name = self.operation_name;
        if let Some(variables) = self.variables {
            request.variables = Variables::from_json(Value::Object(variables));
        }
        drop(self.extensions);
        Ok(Operation { request, kind })
    }
}

impl ParamsError {
    /// The error with where JSON stopped being JSON.
    pub fn told(&self) -> String {
        match self {
            Self::Json(source) => format!("{self}: {source}"),
            Self::Batch | Self::Shape(_) => self.to_string(),
        }
    }
}
