//! The functions a template may call: Go's own and the ones Docker adds (`json`, `join`, `split`, `title`, `pad`, `truncate`, …).

use std::cmp::Ordering;

use serde_json::Value;

use super::print;

/// Most repetitions `pad` makes; Docker has no limit, and a table no use for more.
const PAD_MAX: usize = 10_000;

const NAMES: [&str; 26] = [
    "and", "eq", "ge", "gt", "html", "index", "join", "js", "json", "le", "len", "lower", "lt", "ne", "not", "or", "pad", "print",
    "printf", "println", "slice", "split", "title", "truncate", "upper", "urlquery",
];

/// Whether a template may call `name`.
pub(super) fn exists(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Calls a function. `and` and `or` are not here: they do not evaluate all their arguments.
///
/// # Errors
/// What Go says after `error calling NAME: `, or about the number of arguments.
pub(super) fn call(name: &str, args: &[Value]) -> Result<Value, String> {
    match name {
        "json" => one(name, args).map(|v| Value::String(json(v))),
        "print" => Ok(Value::String(print::sprint(args))),
        "println" => {
            let words: Vec<String> = args.iter().map(print::value).collect();
            Ok(Value::String(format!("{}\n", words.join(" "))))
        }
        "printf" => match args.split_first() {
            Some((Value::String(format), rest)) => Ok(Value::String(print::sprintf(format, rest))),
            Some((other, _)) => Err(format!("wrong type for value; expected string; got {}", print::kind(other))),
            None => Err(count_error(name, "at least 1", 0)),
        },
        "len" => length(one(name, args)?).map(Value::from),
        "index" => args.split_first().ok_or_else(|| count_error(name, "at least 1", 0)).and_then(|(item, keys)| index(item, keys)),
        "slice" => args.split_first().ok_or_else(|| count_error(name, "at least 1", 0)).and_then(|(item, ends)| slice(item, ends)),
        "not" => one(name, args).map(|v| Value::Bool(!truth(v))),
        "eq" | "ne" | "lt" | "le" | "gt" | "ge" => compare(name, args).map(Value::Bool),
        "lower" => text(name, args).map(|t| Value::String(t.to_lowercase())),
        "upper" => text(name, args).map(|t| Value::String(t.to_uppercase())),
        "title" => text(name, args).map(|t| Value::String(title(t))),
        "html" => Ok(Value::String(html(&print::sprint(args)))),
        "js" => Ok(Value::String(js(&print::sprint(args)))),
        "urlquery" => Ok(Value::String(urlquery(&print::sprint(args)))),
        "split" | "join" | "pad" | "truncate" => dockers(name, args),
        _ => Err(format!("{name:?} is not a defined function")),
    }
}

fn dockers(name: &str, args: &[Value]) -> Result<Value, String> {
    match (name, args) {
        ("split", [Value::String(t), Value::String(by)]) => {
            let parts: Vec<Value> = if by.is_empty() {
                t.chars().map(|c| Value::String(c.to_string())).collect()
            } else {
                t.split(by.as_str()).map(Value::from).collect()
            };
            Ok(Value::Array(parts))
        }
        ("join", [Value::Array(items), Value::String(by)]) => {
            let words: Vec<String> = items.iter().map(print::value).collect();
            Ok(Value::String(words.join(by)))
        }
        ("join", [Value::Null, Value::String(_)]) => Ok(Value::String(String::new())),
        ("pad", [Value::String(t), before, after]) => {
            let spaces = |v: &Value| v.as_u64().and_then(|n| usize::try_from(n).ok()).map(|n| " ".repeat(n.min(PAD_MAX)));
            match (spaces(before), spaces(after)) {
                _ if t.is_empty() => Ok(Value::String(String::new())),
                (Some(b), Some(a)) => Ok(Value::String(format!("{b}{t}{a}"))),
                _ => Err("wrong type for value; expected int".to_owned()),
            }
        }
        ("truncate", [Value::String(t), Value::Number(n)]) => {
            let keep = n.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
            Ok(Value::String(t.chars().take(keep).collect()))
        }
        (_, args) => {
            let want = if name == "pad" { 3 } else { 2 };
            if args.len() != want {
                return Err(count_error(name, &want.to_string(), args.len()));
            }
            let kinds: Vec<&str> = args.iter().map(print::kind).collect();
            Err(format!("wrong type for value; got {}", kinds.join(", ")))
        }
    }
}

fn count_error(name: &str, want: &str, got: usize) -> String {
    format!("wrong number of args for {name}: want {want} got {got}")
}

fn one<'a>(name: &str, args: &'a [Value]) -> Result<&'a Value, String> {
    match args {
        [only] => Ok(only),
        _ => Err(count_error(name, "1", args.len())),
    }
}

fn text<'a>(name: &str, args: &'a [Value]) -> Result<&'a str, String> {
    match one(name, args)? {
        Value::String(t) => Ok(t),
        other => Err(format!("wrong type for value; expected string; got {}", print::kind(other))),
    }
}

/// Compact JSON, not escaped for HTML.
pub(crate) fn json(value: &Value) -> String {
    value.to_string()
}

/// Go's truth: zero, empty and absent are false.
pub(super) fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(b) => *b,
        Value::Number(n) => n.as_f64() != Some(0.0),
        Value::String(t) => !t.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

fn length(value: &Value) -> Result<usize, String> {
    match value {
        Value::Null => Ok(0),
        Value::String(t) => Ok(t.len()),
        Value::Array(items) => Ok(items.len()),
        Value::Object(map) => Ok(map.len()),
        other => Err(format!("len of type {}", print::kind(other))),
    }
}

fn index(item: &Value, keys: &[Value]) -> Result<Value, String> {
    let mut at = item.clone();
    for key in keys {
        at = match (&at, key) {
            (Value::Object(map), Value::String(k)) => map.get(k).cloned().unwrap_or(Value::Null),
            (Value::Object(_), other) => return Err(format!("value has type {}; should be string", print::kind(other))),
            (Value::Array(items), Value::Number(n)) => {
                let place = n.as_i64().unwrap_or(i64::MAX);
                let found = usize::try_from(place).ok().and_then(|i| items.get(i)).cloned();
                found.ok_or_else(|| format!("index out of range: {place}"))?
            }
            (Value::Array(_), other) => return Err(format!("cannot index slice/array with type {}", print::kind(other))),
            (Value::String(t), Value::Number(n)) => {
                let place = n.as_i64().unwrap_or(i64::MAX);
                let byte = usize::try_from(place).ok().and_then(|i| t.as_bytes().get(i));
                byte.map(|b| Value::from(*b)).ok_or_else(|| format!("index out of range: {place}"))?
            }
            (Value::Null, _) => return Err("index of untyped nil".to_owned()),
            (other, _) => return Err(format!("can't index item of type {}", print::kind(other))),
        };
    }
    Ok(at)
}

fn slice(item: &Value, ends: &[Value]) -> Result<Value, String> {
    let length = match item {
        Value::String(t) => t.len(),
        Value::Array(items) => items.len(),
        other => return Err(format!("can't slice item of type {}", print::kind(other))),
    };
    let place = |at: usize, default: usize| match ends.get(at) {
        None => Ok(default),
        Some(end) => {
            let n = end.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= length);
            n.ok_or_else(|| format!("index out of range: {}", print::value(end)))
        }
    };
    let (from, to) = (place(0, 0)?, place(1, length)?);
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    Ok(match item {
        Value::String(t) => Value::String(String::from_utf8_lossy(&t.as_bytes()[from..to]).into_owned()),
        Value::Array(items) => Value::Array(items[from..to].to_vec()),
        _ => Value::Null,
    })
}

fn compare(name: &str, args: &[Value]) -> Result<bool, String> {
    let [first, rest @ ..] = args else { return Err("missing argument for comparison".to_owned()) };
    if rest.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    if name == "eq" {
        // eq is the only one that takes alternatives.
        for other in rest {
            if equal(first, other)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    let [second] = rest else { return Err(count_error(name, "2", args.len())) };
    if name == "ne" {
        return equal(first, second).map(|same| !same);
    }
    let order = match (first, second) {
        (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => return Err("incompatible types for comparison".to_owned()),
    }
    .unwrap_or(Ordering::Equal);
    Ok(match name {
        "lt" => order.is_lt(),
        "le" => order.is_le(),
        "gt" => order.is_gt(),
        _ => order.is_ge(),
    })
}

fn equal(a: &Value, b: &Value) -> Result<bool, String> {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => Ok(a == b || a.as_f64() == b.as_f64()),
        (Value::String(_), Value::String(_)) | (Value::Bool(_), Value::Bool(_)) | (Value::Null, _) | (_, Value::Null) => Ok(a == b),
        (Value::Array(_) | Value::Object(_), _) | (_, Value::Array(_) | Value::Object(_)) => {
            Err("non-comparable type: slice or map".to_owned())
        }
        _ => Err("incompatible types for comparison".to_owned()),
    }
}

/// Go's `strings.Title`: the first letter of each word raised.
pub(crate) fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut starts = true;
    for c in text.chars() {
        if starts {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
        starts = !(c.is_alphanumeric() || c == '_' || c == '\'');
    }
    out
}

fn html(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
        out
    })
}

fn js(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '\\' | '"' | '\'' => out.extend(['\\', c]),
            '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
        out
    })
}

fn urlquery(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, b| {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(b)),
            b' ' => out.push('+'),
            b => out.push_str(&format!("%{b:02X}")),
        }
        out
    })
}
