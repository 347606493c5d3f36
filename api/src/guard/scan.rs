//! The pass over the tokens: measures each definition and applies the limits of the text.

use std::collections::BTreeMap;

use super::lexer::{Lexer, Token, TokenKind};
use super::{Fault, OperationKind, Reason};
use crate::limits::GuardLimits;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DefinitionKind {
    Operation(OperationKind),
    Fragment,
}

/// An operation or a fragment, with its size before expansion.
#[derive(Debug)]
pub(super) struct Definition<'a> {
    pub kind: DefinitionKind,
    pub name: Option<&'a str>,
    pub offset: usize,
    pub tokens: u64,
    /// Fields, inline fragments and spreads.
    pub selections: u64,
    /// Fields directly in the outermost selection set, also those inside inline fragments there.
    pub root_fields: u64,
    /// Whether it asks for the schema somewhere.
    pub introspects: bool,
    pub spreads: Vec<Spread<'a>>,
}

#[derive(Debug)]
pub(super) struct Spread<'a> {
    pub target: &'a str,
    pub offset: usize,
    /// Whether it stands where a field would be a root field.
    pub is_root: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    /// `{` of fields. `is_root`: a field here is a root field.
    Selection { is_root: bool },
    /// `(`
    Arguments,
    /// `[`
    List,
    /// `{` of a value.
    Object,
}

/// What the last token says about the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Other,
    At,
    Spread,
    /// `on`, before the name of a type.
    On,
    Field,
    /// The colon behind an alias.
    Alias,
    /// `query`, `fragment` and so on, before the name of the definition.
    Keyword,
}

/// Sort of the selection that a `{` would belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Selected {
    Field,
    Fragment,
}

/// Reads the whole document.
pub(super) fn scan<'a>(document: &'a str, limits: &GuardLimits) -> Result<Vec<Definition<'a>>, Fault> {
    let mut scan = Scan::new(limits);
    let mut lexer = Lexer::new(document);
    while let Some(token) = lexer.next()? {
        scan.token(token)?;
    }
    scan.finish(document.len())
}

struct Scan<'a, 'l> {
    limits: &'l GuardLimits,
    finished: Vec<Definition<'a>>,
    current: Option<Definition<'a>>,
    open: Vec<(Bracket, usize)>,
    after: After,
    selected: Selected,
    tokens: usize,
    fragments: usize,
    spreads: usize,
    directives: usize,
    directives_here: usize,
    aliases: BTreeMap<&'a str, usize>,
}

impl<'a, 'l> Scan<'a, 'l> {
    fn new(limits: &'l GuardLimits) -> Self {
        Self {
            limits,
            finished: Vec::new(),
            current: None,
            open: Vec::with_capacity(limits.depth),
            after: After::Other,
            selected: Selected::Field,
            tokens: 0,
            fragments: 0,
            spreads: 0,
            directives: 0,
            directives_here: 0,
            aliases: BTreeMap::new(),
        }
    }

    fn token(&mut self, token: Token<'a>) -> Result<(), Fault> {
        let fail = |reason| Err(Fault { reason, offset: token.offset });
        self.tokens += 1;
        if self.tokens > self.limits.tokens {
            return fail(Reason::TooManyTokens { limit: self.limits.tokens });
        }
        let after = std::mem::replace(&mut self.after, After::Other);
        if self.current.is_none() {
            self.begin_definition(token)?;
        } else {
            match token.kind {
                TokenKind::Name(name) if name.len() > self.limits.name_bytes => {
                    return fail(Reason::NameTooLong { limit: self.limits.name_bytes });
                }
                TokenKind::Name(name) => self.name(name, token.offset, after)?,
                TokenKind::Spread => self.spread_sign(),
                TokenKind::Value => {}
                TokenKind::Punctuator(sign) => self.punctuator(sign, token.offset, after)?,
            }
        }
        if let Some(current) = &mut self.current {
            current.tokens += 1;
        }
        Ok(())
    }

    fn begin_definition(&mut self, token: Token<'a>) -> Result<(), Fault> {
        let fail = |reason| Err(Fault { reason, offset: token.offset });
        let kind = match token.kind {
            TokenKind::Name("query") | TokenKind::Punctuator(b'{') => DefinitionKind::Operation(OperationKind::Query),
            TokenKind::Name("mutation") => DefinitionKind::Operation(OperationKind::Mutation),
            TokenKind::Name("subscription") => DefinitionKind::Operation(OperationKind::Subscription),
            TokenKind::Name("fragment") => DefinitionKind::Fragment,
            TokenKind::Punctuator(closer @ (b')' | b']' | b'}')) => {
                return fail(Reason::UnexpectedCloser(char::from(closer)));
            }
            TokenKind::Name(_) | TokenKind::Punctuator(_) | TokenKind::Spread | TokenKind::Value => {
                return fail(Reason::UnknownDefinition);
            }
        };
        if kind == DefinitionKind::Fragment {
            self.fragments += 1;
            if self.fragments > self.limits.fragments {
                return fail(Reason::TooManyFragments { limit: self.limits.fragments });
            }
        }
        self.directives_here = 0;
        self.current = Some(Definition {
            kind,
            name: None,
            offset: token.offset,
            tokens: 0,
            selections: 0,
            root_fields: 0,
            introspects: false,
            spreads: Vec::new(),
        });
        if token.kind == TokenKind::Punctuator(b'{') {
            self.push(Bracket::Selection { is_root: true }, token.offset)?;
        } else {
            self.after = After::Keyword;
        }
        Ok(())
    }

    fn name(&mut self, name: &'a str, offset: usize, after: After) -> Result<(), Fault> {
        let Some(current) = &mut self.current else { return Ok(()) };
        match (self.open.last(), after) {
            (None, After::Keyword) => {
                if current.kind == DefinitionKind::Fragment {
                    // The grammar of spreads could not tell it from a type condition.
                    if name == "on" {
                        return Err(Fault { reason: Reason::FragmentNamedOn, offset });
                    }
                    if self
                        .finished
                        .iter()
                        .any(|other| other.kind == DefinitionKind::Fragment && other.name == Some(name))
                    {
                        return Err(Fault { reason: Reason::DuplicateFragment(name.to_owned()), offset });
                    }
                }
                current.name = Some(name);
            }
            (Some(&(Bracket::Selection { is_root }, _)), after) => {
                // Behind an alias or not: both names begin with what no other field may begin with.
                current.introspects |= matches!(name, "__schema" | "__type");
                match after {
                    After::At | After::On => {}
                    After::Spread if name == "on" => self.after = After::On,
                    After::Spread => {
                        self.spreads += 1;
                        if self.spreads > self.limits.spreads {
                            return Err(Fault {
                                reason: Reason::TooManySpreads { limit: self.limits.spreads },
                                offset,
                            });
                        }
                        current.spreads.push(Spread { target: name, offset, is_root });
                    }
                    After::Alias => {
                        let uses = self.aliases.entry(name).or_default();
                        *uses += 1;
                        if *uses > self.limits.aliases {
                            let reason = Reason::TooManyAliases { field: name.to_owned(), limit: self.limits.aliases };
                            return Err(Fault { reason, offset });
                        }
                    }
                    After::Other | After::Field | After::Keyword => {
                        current.selections += 1;
                        current.root_fields += u64::from(is_root);
                        self.directives_here = 0;
                        self.selected = Selected::Field;
                        self.after = After::Field;
                    }
                }
            }
            (None | Some((Bracket::Arguments | Bracket::List | Bracket::Object, _)), _) => {}
        }
        Ok(())
    }

    fn spread_sign(&mut self) {
        if let (Some((Bracket::Selection { .. }, _)), Some(current)) = (self.open.last(), &mut self.current) {
            current.selections += 1;
            self.directives_here = 0;
            self.selected = Selected::Fragment;
            self.after = After::Spread;
        }
    }

    fn punctuator(&mut self, sign: u8, offset: usize, after: After) -> Result<(), Fault> {
        match sign {
            b'{' => {
                let bracket = match self.open.last() {
                    None => Bracket::Selection { is_root: true },
                    Some((Bracket::Selection { is_root }, _)) => {
                        Bracket::Selection { is_root: *is_root && self.selected == Selected::Fragment }
                    }
                    Some((Bracket::Arguments | Bracket::List | Bracket::Object, _)) => Bracket::Object,
                };
                self.push(bracket, offset)
            }
            b'(' => self.push(Bracket::Arguments, offset),
            b'[' => self.push(Bracket::List, offset),
            b'}' | b')' | b']' => self.pop(sign, offset),
            b'@' => self.directive(offset),
            b':' if after == After::Field => {
                self.after = After::Alias;
                Ok(())
            }
            // A variable definition may have directives of its own.
            b'$' if matches!(self.open.as_slice(), [(Bracket::Arguments, _)]) => {
                self.directives_here = 0;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn push(&mut self, bracket: Bracket, offset: usize) -> Result<(), Fault> {
        if self.open.len() >= self.limits.depth {
            return Err(Fault { reason: Reason::TooDeep { limit: self.limits.depth }, offset });
        }
        self.open.push((bracket, offset));
        Ok(())
    }

    fn pop(&mut self, closer: u8, offset: usize) -> Result<(), Fault> {
        let fits = match self.open.pop() {
            Some((Bracket::Selection { .. } | Bracket::Object, _)) => closer == b'}',
            Some((Bracket::Arguments, _)) => closer == b')',
            Some((Bracket::List, _)) => closer == b']',
            None => false,
        };
        if !fits {
            return Err(Fault { reason: Reason::UnexpectedCloser(char::from(closer)), offset });
        }
        if self.open.is_empty() && closer == b'}' {
            self.finished.extend(self.current.take());
        }
        Ok(())
    }

    fn directive(&mut self, offset: usize) -> Result<(), Fault> {
        self.after = After::At;
        self.directives += 1;
        self.directives_here += 1;
        if self.directives > self.limits.directives {
            return Err(Fault { reason: Reason::TooManyDirectives { limit: self.limits.directives }, offset });
        }
        if self.directives_here > self.limits.directives_per_field {
            let reason = Reason::TooManyDirectivesInOnePlace { limit: self.limits.directives_per_field };
            return Err(Fault { reason, offset });
        }
        Ok(())
    }

    fn finish(self, end: usize) -> Result<Vec<Definition<'a>>, Fault> {
        if let Some((_, offset)) = self.open.last() {
            return Err(Fault { reason: Reason::NeverClosed, offset: *offset });
        }
        if let Some(definition) = self.current {
            return Err(Fault { reason: Reason::NoSelectionSet, offset: definition.offset });
        }
        if !self.finished.iter().any(|definition| matches!(definition.kind, DefinitionKind::Operation(_))) {
            return Err(Fault { reason: Reason::NoOperation, offset: end });
        }
        Ok(self.finished)
    }
}
