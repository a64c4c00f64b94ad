//! Runs a template on JSON, with Go's rules for what is absent, what is true and how things are printed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::functions;
use super::parse::{Branch, Node, Operand, Pipe, What};
use super::print;

/// Most bytes a template may print for one object; a runaway `range` ends here instead of in the out-of-memory killer.
const OUTPUT_MAX: usize = 64 << 20;

/// What a field is when the data does not have it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Absent {
    /// Prints `<no value>`: a map's key.
    NoValue,
    /// A list that is nil: prints `[]`, is `null` in JSON.
    List,
    /// A map that is nil: prints `map[]`.
    Map,
    /// A pointer that is nil: prints `<nil>`.
    Pointer,
    /// The zero of a plain type.
    Zero(Value),
    /// There is no such field.
    Unknown,
}

/// What the data does not say about itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'a> {
    /// What a missing field is, by its name and that of the field that holds its map.
    pub(crate) absent: fn(&str, Option<&str>) -> Absent,
    /// What `.Label "key"` looks in.
    pub(crate) labels: Option<&'a BTreeMap<String, String>>,
    /// Whether the data are a table's headers: functions then leave them as they are.
    pub(crate) headers: bool,
}

impl Rules<'_> {
    /// Plain data: what is missing prints `<no value>`.
    #[cfg(test)]
    pub(crate) const LENIENT: Self = Self { absent: |_, _| Absent::NoValue, labels: None, headers: false };
}

/// A value on its way through a pipeline.
#[derive(Debug, Clone)]
enum Datum<'a> {
    /// Not there at all.
    Missing,
    /// There, typed, and nil.
    Nil(Absent),
    /// A value.
    Is(Cow<'a, Value>),
}

impl<'a> Datum<'a> {
    fn owned(value: Value) -> Self {
        Self::Is(Cow::Owned(value))
    }

    fn into_value(self) -> Value {
        match self {
            Self::Missing | Self::Nil(_) => Value::Null,
            Self::Is(value) => value.into_owned(),
        }
    }

    fn truth(&self) -> bool {
        matches!(self, Self::Is(v) if functions::truth(v))
    }

    fn print(&self) -> String {
        match self {
            Self::Missing => "<no value>".to_owned(),
            Self::Nil(Absent::List) => "[]".to_owned(),
            Self::Nil(Absent::Map) => "map[]".to_owned(),
            Self::Nil(_) => "<nil>".to_owned(),
            Self::Is(v) if v.is_null() => "<no value>".to_owned(),
            Self::Is(v) => print::value(v),
        }
    }

    fn get(self, key: &str) -> Option<Datum<'a>> {
        match self {
            Self::Is(Cow::Borrowed(v)) => v.get(key).map(|v| Datum::Is(Cow::Borrowed(v))),
            Self::Is(Cow::Owned(mut v)) => v.get_mut(key).map(|v| Datum::owned(v.take())),
            _ => None,
        }
    }
}

/// What ends a list of nodes early.
enum Flow {
    Next,
    Break,
    Continue,
}

/// Runs `nodes` on `data`.
///
/// # Errors
/// Go's text: `template: :1:2: executing "" at <.Foo>: why`.
pub(super) fn run(text: &str, nodes: &[Node], data: &Value, rules: Rules<'_>) -> Result<String, String> {
    let root = Datum::Is(Cow::Borrowed(data));
    let mut state = State { text, rules, variables: vec![("$".to_owned(), root.clone())], out: String::new() };
    state.walk(nodes, &root)?;
    Ok(state.out)
}

struct State<'a> {
    text: &'a str,
    rules: Rules<'a>,
    variables: Vec<(String, Datum<'a>)>,
    out: String,
}

impl<'a> State<'a> {
    fn walk(&mut self, nodes: &[Node], dot: &Datum<'a>) -> Result<Flow, String> {
        for node in nodes {
            match node {
                Node::Text(text) => self.out.push_str(text),
                Node::Action(pipe) => {
                    let value = self.pipe(pipe, dot)?;
                    if pipe.names.is_empty() {
                        self.out.push_str(&value.print());
                    }
                }
                Node::Break => return Ok(Flow::Break),
                Node::Continue => return Ok(Flow::Continue),
                Node::Branch(branch, pipe, body, otherwise) => {
                    let scope = self.variables.len();
                    let flow = self.branch(*branch, pipe, body, otherwise, dot)?;
                    self.variables.truncate(scope);
                    if !matches!(flow, Flow::Next) {
                        return Ok(flow);
                    }
                }
            }
            if self.out.len() > OUTPUT_MAX {
                return Err(format!("template: :1: output is longer than {OUTPUT_MAX} bytes"));
            }
        }
        Ok(Flow::Next)
    }

    fn branch(&mut self, branch: Branch, pipe: &Pipe, body: &[Node], otherwise: &[Node], dot: &Datum<'a>) -> Result<Flow, String> {
        if branch == Branch::Range {
            return self.range(pipe, body, otherwise, dot);
        }
        let value = self.pipe(pipe, dot)?;
        match (value.truth(), branch) {
            (true, Branch::With) => self.walk(body, &value),
            (true, _) => self.walk(body, dot),
            (false, _) => self.walk(otherwise, dot),
        }
    }

    fn range(&mut self, pipe: &Pipe, body: &[Node], otherwise: &[Node], dot: &Datum<'a>) -> Result<Flow, String> {
        let scope = self.variables.len();
        let over = self.pipe(pipe, dot)?;
        self.variables.truncate(scope);
        let items = match over {
            Datum::Missing | Datum::Nil(_) => Vec::new(),
            Datum::Is(value) => match elements(value) {
                Ok(items) => items,
                Err(why) => return Err(self.fail(pipe.commands.first().and_then(|c| c.first()), &why)),
            },
        };
        if items.is_empty() {
            return self.walk(otherwise, dot);
        }
        for (key, item) in items {
            match pipe.names.as_slice() {
                [one] => self.bind(pipe, one, item.clone()),
                [first, second] => {
                    self.bind(pipe, first, Datum::owned(key));
                    self.bind(pipe, second, item.clone());
                }
                _ => {}
            }
            let flow = self.walk(body, &item)?;
            self.variables.truncate(scope);
            if matches!(flow, Flow::Break) {
                break;
            }
        }
        Ok(Flow::Next)
    }

    fn bind(&mut self, pipe: &Pipe, name: &str, value: Datum<'a>) {
        if pipe.assigns
            && let Some(slot) = self.variables.iter_mut().rev().find(|(n, _)| n == name)
        {
            slot.1 = value;
            return;
        }
        self.variables.push((name.to_owned(), value));
    }

    fn pipe(&mut self, pipe: &Pipe, dot: &Datum<'a>) -> Result<Datum<'a>, String> {
        let mut value = None;
        for command in &pipe.commands {
            value = Some(self.command(command, dot, value)?);
        }
        let value = value.unwrap_or(Datum::Missing);
        if let [name] = pipe.names.as_slice() {
            self.bind(pipe, name, value.clone());
        }
        Ok(value)
    }

    fn command(&mut self, command: &[Operand], dot: &Datum<'a>, last: Option<Datum<'a>>) -> Result<Datum<'a>, String> {
        let Some((first, rest)) = command.split_first() else { return Ok(Datum::Missing) };
        if let What::Function(name) = &first.what {
            return self.call(name, command, dot, last);
        }
        if let Some(label) = self.label(first, rest, dot)? {
            return Ok(label);
        }
        if !rest.is_empty() || last.is_some() {
            let what = match first.what {
                What::Constant(_) => format!("can't give argument to non-function {}", first.source),
                _ => format!("{} is not a method but has arguments", first.fields.last().unwrap_or(&first.source)),
            };
            return Err(self.fail(Some(first), &what));
        }
        self.operand(first, dot)
    }

    /// `.Label "key"`, the one method that rows of tables have.
    fn label(&mut self, first: &Operand, rest: &[Operand], dot: &Datum<'a>) -> Result<Option<Datum<'a>>, String> {
        let is_label = first.fields.as_slice() == ["Label"] && rest.len() == 1 && (self.rules.labels.is_some() || self.rules.headers);
        if !is_label {
            return Ok(None);
        }
        let Value::String(key) = self.operand(&rest[0], dot)?.into_value() else { return Ok(None) };
        let text = if self.rules.headers {
            let name = key.rsplit('.').next().unwrap_or(&key);
            name.replace(['-', '_'], " ").to_uppercase()
        } else {
            self.rules.labels.and_then(|l| l.get(&key)).cloned().unwrap_or_default()
        };
        Ok(Some(Datum::owned(Value::String(text))))
    }

    fn call(&mut self, name: &str, command: &[Operand], dot: &Datum<'a>, last: Option<Datum<'a>>) -> Result<Datum<'a>, String> {
        let operands = &command[1..];
        if matches!(name, "and" | "or") {
            return self.logic(name, command, dot, last);
        }
        let mut args = Vec::with_capacity(operands.len() + 1);
        for operand in operands {
            args.push(self.operand(operand, dot)?.into_value());
        }
        args.extend(last.map(Datum::into_value));
        if self.rules.headers && !matches!(name, "print" | "printf" | "println") {
            return Ok(Datum::owned(args.into_iter().next().unwrap_or(Value::Null)));
        }
        let answer = functions::call(name, &args);
        answer.map(Datum::owned).map_err(|why| {
            let prefix = if why.starts_with("wrong ") { String::new() } else { format!("error calling {name}: ") };
            self.fail_at(command[0].at, &written(command), &format!("{prefix}{why}"))
        })
    }

    fn logic(&mut self, name: &str, command: &[Operand], dot: &Datum<'a>, last: Option<Datum<'a>>) -> Result<Datum<'a>, String> {
        let mut value = None;
        for operand in &command[1..] {
            let next = self.operand(operand, dot)?;
            if next.truth() == (name == "or") {
                return Ok(next);
            }
            value = Some(next);
        }
        let none = format!("wrong number of args for {name}: want at least 1 got 0");
        last.or(value).ok_or_else(|| self.fail_at(command[0].at, &written(command), &none))
    }

    fn operand(&mut self, operand: &Operand, dot: &Datum<'a>) -> Result<Datum<'a>, String> {
        let start = match &operand.what {
            What::Dot => dot.clone(),
            What::Variable(name) => {
                let found = self.variables.iter().rev().find(|(n, _)| n == name);
                found.map_or(Datum::Missing, |(_, v)| v.clone())
            }
            What::Constant(value) => Datum::owned(value.clone()),
            What::Function(name) => return self.call(name, std::slice::from_ref(operand), dot, None),
            What::Pipeline(pipe) => self.pipe(pipe, dot)?,
        };
        let mut value = start;
        let mut parent: Option<&str> = None;
        for field in &operand.fields {
            value = self.field(value, field, parent).map_err(|why| self.fail(Some(operand), &why))?;
            parent = Some(field);
        }
        Ok(value)
    }

    fn field(&self, value: Datum<'a>, name: &str, parent: Option<&str>) -> Result<Datum<'a>, String> {
        let of_kind = |kind: &str| Err(format!("can't evaluate field {name} in type {kind}"));
        match &value {
            Datum::Missing | Datum::Nil(Absent::Map) => return Ok(Datum::Missing),
            Datum::Nil(Absent::List) => return of_kind("[]interface {}"),
            // Docker falls back to the raw JSON here, in which the pointer itself is what is missing.
            Datum::Nil(_) => return Err(format!("map has no entry for key {:?}", parent.unwrap_or(name))),
            Datum::Is(v) => match &**v {
                Value::Object(_) => {}
                Value::Null => return Ok(Datum::Missing),
                other => return of_kind(print::kind(other)),
            },
        }
        let found = value.get(name).filter(|d| !matches!(d, Datum::Is(v) if v.is_null()));
        if let Some(found) = found {
            return Ok(found);
        }
        match (self.rules.absent)(name, parent) {
            Absent::NoValue => Ok(Datum::Missing),
            Absent::Zero(zero) => Ok(Datum::owned(zero)),
            Absent::Unknown => Err(format!("map has no entry for key {name:?}")),
            nil => Ok(Datum::Nil(nil)),
        }
    }

    fn fail(&self, operand: Option<&Operand>, why: &str) -> String {
        let (at, source) = operand.map_or((0, ""), |o| (o.at, o.source.as_str()));
        self.fail_at(at, source, why)
    }

    fn fail_at(&self, at: usize, source: &str, why: &str) -> String {
        let before = &self.text[..at.min(self.text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.rfind('\n').map_or(before.len(), |nl| before.len() - nl);
        format!("template: :{line}:{column}: executing \"\" at <{source}>: {why}")
    }
}

fn written(command: &[Operand]) -> String {
    let words: Vec<&str> = command.iter().map(|o| o.source.as_str()).collect();
    words.join(" ")
}

/// The pairs `range` goes over: index or key, and element. Maps go in order of their keys.
fn elements(value: Cow<'_, Value>) -> Result<Vec<(Value, Datum<'_>)>, String> {
    Ok(match value {
        Cow::Borrowed(Value::Array(items)) => {
            items.iter().enumerate().map(|(i, v)| (Value::from(i), Datum::Is(Cow::Borrowed(v)))).collect()
        }
        Cow::Borrowed(Value::Object(map)) => {
            let mut pairs: Vec<_> = map.iter().collect();
            pairs.sort_by_key(|(k, _)| *k);
            pairs.into_iter().map(|(k, v)| (Value::from(k.as_str()), Datum::Is(Cow::Borrowed(v)))).collect()
        }
        Cow::Owned(Value::Array(items)) => items.into_iter().enumerate().map(|(i, v)| (Value::from(i), Datum::owned(v))).collect(),
        Cow::Owned(Value::Object(map)) => {
            let mut pairs: Vec<_> = map.into_iter().collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            pairs.into_iter().map(|(k, v)| (Value::from(k), Datum::owned(v))).collect()
        }
        value if value.is_null() => Vec::new(),
        value => return Err(format!("range can't iterate over {}", print::value(&value))),
    })
}
