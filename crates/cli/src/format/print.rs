//! How Go prints a value: `%v` of `fmt`, and the other verbs people use with `printf`.

use serde_json::Value;

use crate::command::quote::go;

/// Widest field `printf` pads to; Go's own limit is a million, which no table needs.
const WIDTH_MAX: usize = 10_000;

/// `%v`.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => number(n),
        Value::String(s) => s.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(self::value).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            let inside: Vec<String> = keys.iter().map(|k| format!("{k}:{}", self::value(&map[k.as_str()]))).collect();
            format!("map[{}]", inside.join(" "))
        }
    }
}

fn number(n: &serde_json::Number) -> String {
    match n.as_f64() {
        Some(real) if n.is_f64() => {
            // Go's %v is %g: exponents from 1e21 on.
            if real != 0.0 && (real.abs() >= 1e21 || real.abs() < 1e-4) { exponent(real) } else { real.to_string() }
        }
        _ => n.to_string(),
    }
}

fn exponent(real: f64) -> String {
    let text = format!("{real:e}");
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = power.strip_prefix('-').map_or(('+', power), |d| ('-', d));
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// Go's `Sprint`: operands joined, with a space between two that are both no strings.
pub(super) fn sprint(values: &[Value]) -> String {
    let mut out = String::new();
    let mut before_text = true;
    for (at, value) in values.iter().enumerate() {
        let is_text = value.is_string();
        if at > 0 && !is_text && !before_text {
            out.push(' ');
        }
        out.push_str(&self::value(value));
        before_text = is_text;
    }
    out
}

/// Go's `Sprintf` for the verbs v s d q x X o b c t f e g and %, with flags, width and precision.
pub(super) fn sprintf(format: &str, values: &[Value]) -> String {
    let mut out = String::new();
    let mut left = values.iter();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut spec = Spec::default();
        while let Some(flag) = chars.next_if(|c| "-+# 0".contains(*c)) {
            match flag {
                '-' => spec.left = true,
                '0' => spec.zeros = true,
                '+' => spec.plus = true,
                _ => {}
            }
        }
        spec.width = count(&mut chars, &mut left).unwrap_or(0).min(WIDTH_MAX);
        if chars.next_if_eq(&'.').is_some() {
            spec.precision = Some(count(&mut chars, &mut left).unwrap_or(0).min(WIDTH_MAX));
        }
        match chars.next() {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(verb) => match left.next() {
                None => out.push_str(&format!("%!{verb}(MISSING)")),
                Some(value) => out.push_str(&spec.apply(verb, value)),
            },
        }
    }
    let extra: Vec<String> = left.map(|v| format!("{}={}", kind(v), value(v))).collect();
    if !extra.is_empty() {
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    out
}

fn count(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, left: &mut std::slice::Iter<'_, Value>) -> Option<usize> {
    if chars.next_if_eq(&'*').is_some() {
        return left.next().and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    }
    let mut digits = String::new();
    while let Some(d) = chars.next_if(char::is_ascii_digit) {
        digits.push(d);
    }
    digits.parse().ok()
}

/// Flags of one verb.
#[derive(Default)]
struct Spec {
    left: bool,
    zeros: bool,
    plus: bool,
    width: usize,
    precision: Option<usize>,
}

impl Spec {
    fn apply(&self, verb: char, value: &Value) -> String {
        let body = match (verb, value) {
            ('v', v) => self::value(v),
            ('s', Value::String(s)) => self.cut(s),
            ('s', v @ (Value::Array(_) | Value::Object(_))) => self::value(v),
            ('q', Value::String(s)) => go(&self.cut(s)),
            ('d', Value::Number(n)) if !n.is_f64() => {
                format!("{}{n}", if self.plus && n.as_i64().is_none_or(|i| i >= 0) { "+" } else { "" })
            }
            ('x', Value::String(s)) => stead_base::ids::hex(s.as_bytes()),
            ('X', Value::String(s)) => stead_base::ids::hex(s.as_bytes()).to_uppercase(),
            ('x', Value::Number(n)) if n.is_u64() => format!("{:x}", n.as_u64().unwrap_or(0)),
            ('X', Value::Number(n)) if n.is_u64() => format!("{:X}", n.as_u64().unwrap_or(0)),
            ('o', Value::Number(n)) if n.is_u64() => format!("{:o}", n.as_u64().unwrap_or(0)),
            ('b', Value::Number(n)) if n.is_u64() => format!("{:b}", n.as_u64().unwrap_or(0)),
            ('c', Value::Number(n)) if n.is_u64() => {
                n.as_u64().and_then(|c| u32::try_from(c).ok()).and_then(char::from_u32).unwrap_or('\u{fffd}').to_string()
            }
            ('t', Value::Bool(b)) => b.to_string(),
            ('f' | 'F', Value::Number(n)) if n.is_f64() => format!("{:.*}", self.precision.unwrap_or(6), n.as_f64().unwrap_or(0.0)),
            ('e', Value::Number(n)) if n.is_f64() => exponent(n.as_f64().unwrap_or(0.0)),
            ('g', Value::Number(n)) if n.is_f64() => number(n),
            (verb, v) => format!("%!{verb}({}={})", kind(v), self::value(v)),
        };
        self.pad(body, value.is_number())
    }

    fn cut(&self, text: &str) -> String {
        self.precision.map_or_else(|| text.to_owned(), |n| text.chars().take(n).collect())
    }

    fn pad(&self, body: String, is_number: bool) -> String {
        let missing = self.width.saturating_sub(body.chars().count());
        if missing == 0 {
            return body;
        }
        if self.left {
            return body + &" ".repeat(missing);
        }
        if self.zeros && is_number {
            let (sign, digits) = body.strip_prefix('-').map_or(("", body.as_str()), |d| ("-", d));
            return format!("{sign}{}{digits}", "0".repeat(missing));
        }
        " ".repeat(missing) + &body
    }
}

/// The name Go gives a value's type.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(n) if n.is_f64() => "float64",
        Value::Number(_) => "int",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}
