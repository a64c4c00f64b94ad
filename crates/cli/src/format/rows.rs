//! Lists of things (`ps`, `images`, `volume ls`, `system df`): the default table, a table of one's own, JSON lines, raw, or a template.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Absent, Error, Rules, Template, table};

/// One line of a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    /// Every field a template can name, sorted as Docker's JSON is.
    pub(crate) fields: Map<String, Value>,
    /// What `.Label "key"` finds.
    pub(crate) labels: BTreeMap<String, String>,
}

impl Row {
    /// A row of texts, sorted by field.
    pub(crate) fn new(mut fields: Vec<(&str, String)>, labels: BTreeMap<String, String>) -> Self {
        fields.sort();
        Self { fields: fields.into_iter().map(|(k, v)| (k.to_owned(), Value::String(v))).collect(), labels }
    }
}

/// How one kind of thing is listed.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Fields and the headers of their columns.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// The table where nothing is asked for.
    pub(crate) table: &'static str,
    /// What `raw` stands for.
    pub(crate) raw: &'static str,
    /// What `--quiet` prints.
    pub(crate) quiet: &'static str,
}

/// What the user wants to see.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wish<'a> {
    /// `--format`.
    pub(crate) format: Option<&'a str>,
    /// `--quiet`.
    pub(crate) quiet: bool,
}

/// Prints rows as wished.
///
/// # Errors
/// [`Error`] where the template cannot be read or run.
pub(crate) fn render(layout: &Layout, wish: Wish<'_>, rows: &[Row]) -> Result<String, Error> {
    let format = wish.format.filter(|f| !f.is_empty()).unwrap_or("table");
    let (template, is_table) = match format {
        "table" | "raw" if wish.quiet => (layout.quiet.to_owned(), false),
        "table" => (layout.table.to_owned(), true),
        "raw" => (layout.raw.to_owned(), false),
        "json" => ("{{json .}}".to_owned(), false),
        custom => match custom.strip_prefix("table") {
            Some(columns) if columns.starts_with([' ', '\t']) => (columns.to_owned(), true),
            _ => (custom.to_owned(), false),
        },
    };
    let template = Template::parse(&template.trim_matches(' ').replace("\\t", "\t").replace("\\n", "\n"))?;
    let mut out = String::new();
    if is_table {
        let headers = layout.headers.iter().map(|(k, v)| ((*k).to_owned(), Value::from(*v))).collect();
        let rules = Rules { absent: |_, _| Absent::NoValue, labels: None, headers: true };
        out.push_str(&template.run(&Value::Object(headers), rules)?);
        out.push('\n');
    }
    for row in rows {
        let rules = Rules { absent: |_, _| Absent::Unknown, labels: Some(&row.labels), headers: false };
        out.push_str(&template.run(&Value::Object(row.fields.clone()), rules)?);
        out.push('\n');
    }
    Ok(if is_table { table::align(&out) } else { out })
}

/// `text` cut to `width` characters with `…`, as Docker's tables do.
pub(crate) fn ellipsis(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout {
        headers: &[("Name", "VOLUME NAME"), ("Driver", "DRIVER")],
        table: "{{.Driver}}\\t{{.Name}}",
        raw: "name: {{.Name}}\\ndriver: {{.Driver}}\\n",
        quiet: "{{.Name}}",
    };

    fn show(format: Option<&str>, quiet: bool) -> String {
        let labels = BTreeMap::from([("com.foo.tier".to_owned(), "db".to_owned())]);
        let rows = [Row::new(vec![("Name", "data".to_owned()), ("Driver", "local".to_owned())], labels)];
        match render(&LAYOUT, Wish { format, quiet }, &rows) {
            Ok(text) => text,
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_way_to_list() {
        assert_eq!(show(None, false), "DRIVER    VOLUME NAME\nlocal     data\n");
        assert_eq!(show(None, true), "data\n");
        assert_eq!(show(Some("json"), false), "{\"Driver\":\"local\",\"Name\":\"data\"}\n");
        assert_eq!(show(Some("raw"), false), "name: data\ndriver: local\n\n");
        assert_eq!(show(Some("table {{.Name}}\\t{{.Label \"com.foo.tier\"}}"), false), "VOLUME NAME   TIER\ndata          db\n");
        assert_eq!(show(Some("{{.Name}}={{upper .Driver}}"), true), "data=LOCAL\n");
        assert_eq!(show(Some("table {{upper .Name}}"), false), "VOLUME NAME\nDATA\n");
        assert!(show(Some("{{.Nope}}"), false).starts_with("template parsing error: template: :1:2:"));
        assert_eq!(ellipsis("abcdef", 4), "abc…");
    }
}
