//! From template text to a tree: Go's `text/template` grammar, without `define`, `template` and `block`, which nobody writes in a flag.

use super::scan::{Scanner, Token};

/// Most nested actions, pipelines and parentheses; a flag's value never needs more and the evaluator recurses.
const DEPTH_MAX: usize = 64;

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// Text printed as it is.
    Text(String),
    /// `{{pipeline}}`.
    Action(Pipe),
    /// `{{if}}`, `{{with}}` or `{{range}}` with its two branches.
    Branch(Branch, Pipe, Vec<Node>, Vec<Node>),
    /// `{{break}}`.
    Break,
    /// `{{continue}}`.
    Continue,
}

/// The three actions that have an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Branch {
    /// Prints one of two.
    If,
    /// The same, with the dot set.
    With,
    /// Once per element.
    Range,
}

/// `$x := command | command`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Pipe {
    /// Variables declared or set.
    pub(crate) names: Vec<String>,
    /// `=` rather than `:=`.
    pub(crate) assigns: bool,
    /// Commands, each but the first with the former's value as its last argument.
    pub(crate) commands: Vec<Vec<Operand>>,
}

/// One operand, with where it stands and how it was written, for errors.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Operand {
    /// What it is.
    pub(crate) what: What,
    /// The fields taken of it, in order.
    pub(crate) fields: Vec<String>,
    /// Byte offset in the template.
    pub(crate) at: usize,
    /// As written.
    pub(crate) source: String,
}

/// What an operand starts from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    /// `.`
    Dot,
    /// `$name`; `$` is the whole data.
    Variable(String),
    /// A function.
    Function(String),
    /// A constant.
    Constant(serde_json::Value),
    /// `(pipeline)`.
    Pipeline(Box<Pipe>),
}

/// Reads a template.
///
/// # Errors
/// Go's text, `template: :LINE: why`.
pub(crate) fn parse(text: &str) -> Result<Vec<Node>, String> {
    let mut parser = Parser { scan: Scanner::new(text), variables: vec!["$".to_owned()], ranges: 0, depth: 0 };
    let (nodes, end) = parser.list()?;
    match end {
        End::Input => Ok(nodes),
        End::Finish => Err(parser.scan.error("unexpected {{end}}")),
        End::Else(_) => Err(parser.scan.error("unexpected {{else}}")),
    }
}

/// What closed a list of nodes.
enum End {
    Input,
    Finish,
    /// `{{else}}`, or `{{else if …}}` and `{{else with …}}`.
    Else(Option<Branch>),
}

struct Parser {
    scan: Scanner,
    variables: Vec<String>,
    ranges: usize,
    depth: usize,
}

impl Parser {
    fn list(&mut self) -> Result<(Vec<Node>, End), String> {
        let mut nodes = Vec::new();
        loop {
            match self.scan.take()? {
                Token::Eof => return Ok((nodes, End::Input)),
                Token::Text(text) => nodes.push(Node::Text(text)),
                Token::Open => {
                    if let Some(end) = self.action(&mut nodes)? {
                        return Ok((nodes, end));
                    }
                }
                other => return Err(self.scan.unexpected(&other, "input")),
            }
        }
    }

    fn action(&mut self, nodes: &mut Vec<Node>) -> Result<Option<End>, String> {
        let Token::Word(word) = self.scan.peek()?.clone() else {
            let pipe = self.pipe("command", &Token::Close)?;
            nodes.push(Node::Action(pipe));
            return Ok(None);
        };
        let branch = match word.as_str() {
            "if" => Branch::If,
            "with" => Branch::With,
            "range" => Branch::Range,
            "end" => return self.bare("end").map(|()| Some(End::Finish)),
            "else" => return self.else_word().map(Some),
            "break" | "continue" => {
                self.bare(&word)?;
                if self.ranges == 0 {
                    return Err(self.scan.error(&format!("{{{{{word}}}}} outside {{{{range}}}}")));
                }
                nodes.push(if word == "break" { Node::Break } else { Node::Continue });
                return Ok(None);
            }
            "define" | "template" | "block" => return Err(self.scan.error(&format!("{{{{{word}}}}} is not supported in a format"))),
            _ => {
                let pipe = self.pipe("command", &Token::Close)?;
                nodes.push(Node::Action(pipe));
                return Ok(None);
            }
        };
        self.scan.take()?;
        let node = self.branch(branch)?;
        nodes.push(node);
        Ok(None)
    }

    /// `{{word}}` and nothing more.
    fn bare(&mut self, word: &str) -> Result<(), String> {
        self.scan.take()?;
        match self.scan.take()? {
            Token::Close => Ok(()),
            other => Err(self.scan.unexpected(&other, word)),
        }
    }

    fn else_word(&mut self) -> Result<End, String> {
        self.scan.take()?;
        let chained = match self.scan.take()? {
            Token::Close => None,
            Token::Word(w) if w == "if" => Some(Branch::If),
            Token::Word(w) if w == "with" => Some(Branch::With),
            other => return Err(self.scan.unexpected(&other, "else")),
        };
        Ok(End::Else(chained))
    }

    fn branch(&mut self, branch: Branch) -> Result<Node, String> {
        self.deeper()?;
        let name = match branch {
            Branch::If => "if",
            Branch::With => "with",
            Branch::Range => "range",
        };
        let scope = self.variables.len();
        let pipe = self.pipe(name, &Token::Close)?;
        self.ranges += usize::from(branch == Branch::Range);
        let (body, end) = self.list()?;
        self.ranges -= usize::from(branch == Branch::Range);
        let otherwise = match end {
            End::Finish => Vec::new(),
            End::Input => return Err(self.scan.error("unexpected EOF")),
            // `{{else if}}` shares the one `{{end}}`.
            End::Else(Some(next)) => vec![self.branch(next)?],
            End::Else(None) => match self.list()? {
                (nodes, End::Finish) => nodes,
                (_, End::Else(_)) => return Err(self.scan.error("expected end; found {{else}}")),
                (_, End::Input) => return Err(self.scan.error("unexpected EOF")),
            },
        };
        self.variables.truncate(scope);
        self.depth -= 1;
        Ok(Node::Branch(branch, pipe, body, otherwise))
    }

    fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err(self.scan.error("nested too deeply")) } else { Ok(()) }
    }

    fn pipe(&mut self, context: &str, close: &Token) -> Result<Pipe, String> {
        let mut pipe = Pipe::default();
        self.declaration(context, &mut pipe)?;
        loop {
            let command = self.command(context)?;
            if command.is_empty() {
                return Err(self.scan.error(&format!("missing value for {context}")));
            }
            pipe.commands.push(command);
            match self.scan.take()? {
                Token::Pipe => {}
                token if token == *close => break,
                other => return Err(self.scan.unexpected(&other, context)),
            }
        }
        if !pipe.assigns {
            self.variables.extend(pipe.names.iter().cloned());
        }
        if let Some(bad) = pipe.commands.iter().skip(1).find_map(|c| not_callable(&c[0])) {
            return Err(self.scan.error(&format!("non executable command in pipeline stage {}", bad + 1)));
        }
        Ok(pipe)
    }

    /// `$x :=`, `$k, $v :=` or `$x =` before the commands.
    fn declaration(&mut self, context: &str, pipe: &mut Pipe) -> Result<(), String> {
        let mark = self.scan.mark();
        while let Token::Variable(name) = self.scan.peek()?.clone() {
            self.scan.take()?;
            pipe.names.push(name);
            match self.scan.peek()?.clone() {
                Token::Comma if context == "range" && pipe.names.len() == 1 => {
                    self.scan.take()?;
                }
                Token::Declare | Token::Assign => {
                    pipe.assigns = self.scan.take()? == Token::Assign;
                    return Ok(());
                }
                _ => break,
            }
        }
        // It was no declaration: the variable is the first operand.
        pipe.names.clear();
        self.scan.reset(mark);
        Ok(())
    }

    fn command(&mut self, context: &str) -> Result<Vec<Operand>, String> {
        let mut operands = Vec::new();
        loop {
            let at = self.scan.offset();
            let what = match self.scan.peek()?.clone() {
                Token::Dot => What::Dot,
                Token::Field(_) => What::Dot,
                Token::Variable(name) => self.known(name)?,
                Token::Word(word) => self.word(word)?,
                Token::Constant(value) => What::Constant(value),
                Token::LeftParen => {
                    self.scan.take()?;
                    self.deeper()?;
                    let inner = self.pipe("parenthesized pipeline", &Token::RightParen)?;
                    self.depth -= 1;
                    operands.push(self.chained(What::Pipeline(Box::new(inner)), at)?);
                    continue;
                }
                Token::Close | Token::Pipe | Token::RightParen => return Ok(operands),
                other => return Err(self.scan.unexpected(&other, if context == "command" { "operand" } else { context })),
            };
            if !matches!(self.scan.peek()?, Token::Field(_)) {
                self.scan.take()?;
            }
            operands.push(self.chained(what, at)?);
        }
    }

    /// Takes the fields written against what came before (`$x.A.B`, `(…).A`).
    fn chained(&mut self, what: What, at: usize) -> Result<Operand, String> {
        let mut fields = Vec::new();
        while let Token::Field(name) = self.scan.peek()?.clone() {
            if self.scan.spaced() && !(fields.is_empty() && what == What::Dot) {
                break;
            }
            self.scan.take()?;
            fields.push(name);
        }
        if matches!(what, What::Function(_) | What::Constant(_)) && !fields.is_empty() {
            return Err(self.scan.error(&format!("unexpected . after term \"{}\"", self.scan.source(at))));
        }
        let source = self.scan.source(at);
        Ok(Operand { what, fields, at, source })
    }

    fn known(&self, name: String) -> Result<What, String> {
        if self.variables.contains(&name) {
            return Ok(What::Variable(name));
        }
        Err(self.scan.error(&format!("undefined variable \"{name}\"")))
    }

    fn word(&self, word: String) -> Result<What, String> {
        match word.as_str() {
            "true" => Ok(What::Constant(serde_json::Value::Bool(true))),
            "false" => Ok(What::Constant(serde_json::Value::Bool(false))),
            "nil" => Ok(What::Constant(serde_json::Value::Null)),
            _ if super::functions::exists(&word) => Ok(What::Function(word)),
            _ => Err(self.scan.error(&format!("function \"{word}\" not defined"))),
        }
    }
}

fn not_callable(operand: &Operand) -> Option<usize> {
    matches!(operand.what, What::Constant(_)).then_some(1)
}
