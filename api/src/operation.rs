//! A GraphQL request as it arrives on every transport, and its check before the engine sees it.

use std::sync::Arc;

use async_graphql::{Request, ServerError, Variables};
use serde::Deserialize;
use serde_json::{Map, Value};
use service::Code;

use crate::documents::{Documents, Known};
use crate::errors;
use crate::guard::OperationKind;

/// The member of `extensions` that names a document.
const PERSISTED: &str = "persistedQuery";

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
    // Of what may stand in it, `persistedQuery` is used.
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
        if !params.has_document() {
            return Err(ParamsError::Shape("`query` is missing".to_owned()));
        }
        Ok(params)
    }

    /// Whether there is a document, or something that names one.
    pub fn has_document(&self) -> bool {
        self.query.is_some() || self.extensions.as_ref().is_some_and(|extensions| extensions.contains_key(PERSISTED))
    }

    /// The document, if it came along.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// The document that was meant.
    pub fn set_query(&mut self, document: String) {
        self.query = Some(document);
    }

    /// What the request says beside its document.
    pub const fn extensions(&self) -> Option<&Map<String, Value>> {
        self.extensions.as_ref()
    }

    /// Checks the document.
    pub fn prepare(self, documents: &Documents) -> Result<(Operation, Arc<Known>), ServerError> {
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
        Ok((Operation { request, kind }, known))
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
