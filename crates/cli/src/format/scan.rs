//! Tokens of a template: text outside `{{ }}`, words and punctuation inside, with trim markers and comments taken away.

use std::ops::Range;

use serde_json::Value;

use crate::command::quote::go;

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Eof,
    Text(String),
    Open,
    Close,
    Dot,
    Field(String),
    Variable(String),
    Word(String),
    Constant(Value),
    Pipe,
    LeftParen,
    RightParen,
    Declare,
    Assign,
    Comma,
    Other(char),
    /// The rest cannot be read; the parser meets it only if nothing before it is wrong.
    Bad(String),
}

/// A token with where it starts and ends, and whether a space stood before it.
#[derive(Debug, Clone)]
struct Placed {
    token: Token,
    start: usize,
    end: usize,
    spaced: bool,
}

/// Whether a marker beside a text trims it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trim {
    Yes,
    No,
}

impl From<bool> for Trim {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// All tokens of a template, and where the reader is.
#[derive(Debug)]
pub(super) struct Scanner {
    text: String,
    tokens: Vec<Placed>,
    at: usize,
}

impl Scanner {
    /// Splits `text` into tokens.
    pub(super) fn new(text: &str) -> Self {
        let mut scanner = Self { text: text.to_owned(), tokens: Vec::new(), at: 0 };
        let mut rest = 0;
        let mut trim_next = Trim::No;
        while let Some(open) = text[rest..].find("{{").map(|i| i + rest) {
            let inner = open + 2;
            let trims = text[inner..].starts_with("- ") || text[inner..].starts_with("-\n") || text[inner..].starts_with("-\t");
            scanner.push_text(rest..open, trim_next, Trim::from(trims));
            match scanner.action(open, inner + usize::from(trims)) {
                Ok((end, trims_after)) => {
                    trim_next = Trim::from(trims_after);
                    rest = end;
                }
                Err(why) => {
                    scanner.tokens.push(Placed { token: Token::Bad(why), start: open, end: text.len(), spaced: false });
                    return scanner;
                }
            }
        }
        scanner.push_text(rest..text.len(), trim_next, Trim::No);
        let end = text.len();
        scanner.tokens.push(Placed { token: Token::Eof, start: end, end, spaced: false });
        scanner
    }

    fn push_text(&mut self, range: Range<usize>, before: Trim, after: Trim) {
        let mut piece = &self.text[range.clone()];
        if before == Trim::Yes {
            piece = piece.trim_start_matches(SPACES);
        }
        if after == Trim::Yes {
            piece = piece.trim_end_matches(SPACES);
        }
        if !piece.is_empty() {
            let token = Token::Text(piece.to_owned());
            self.tokens.push(Placed { token, start: range.start, end: range.end, spaced: false });
        }
    }

    /// Reads one action up to and with its `}}`; tells where it ends and whether it trims what follows.
    fn action(&mut self, open: usize, inner: usize) -> Result<(usize, bool), String> {
        let text = self.text.clone();
        let body = text[inner..].trim_start_matches(SPACES);
        if let Some(comment) = body.strip_prefix("/*") {
            let close = comment.find("*/").ok_or_else(|| self.error_at(open, "unclosed comment"))?;
            let after = &comment[close + 2..];
            let trimmed = after.trim_start_matches(SPACES);
            let marker = trimmed.strip_prefix('-').unwrap_or(trimmed);
            let tail = marker.strip_prefix("}}").ok_or_else(|| self.error_at(open, "comment ends before closing delimiter"))?;
            return Ok((text.len() - tail.len(), trimmed.starts_with('-')));
        }
        self.tokens.push(Placed { token: Token::Open, start: open, end: inner, spaced: false });
        let mut at = inner;
        let mut parens = 0i32;
        loop {
            let rest = &text[at..];
            let skipped = rest.trim_start_matches(SPACES);
            let spaced = skipped.len() != rest.len();
            at = text.len() - skipped.len();
            if let Some(trims) = closing(skipped, spaced) {
                if parens != 0 {
                    return Err(self.error_at(at, "unclosed left paren"));
                }
                let end = at + 2 + usize::from(trims);
                self.tokens.push(Placed { token: Token::Close, start: at, end, spaced });
                return Ok((end, trims));
            }
            if skipped.is_empty() {
                return Err(self.error_at(open, "unclosed action"));
            }
            let (token, len) = self.token(skipped, at)?;
            parens += match token {
                Token::LeftParen => 1,
                Token::RightParen => -1,
                _ => 0,
            };
            if parens < 0 {
                return Err(self.error_at(at, "unexpected right paren"));
            }
            self.tokens.push(Placed { token, start: at, end: at + len, spaced });
            at += len;
        }
    }

    fn token(&self, rest: &str, at: usize) -> Result<(Token, usize), String> {
        let mut chars = rest.chars();
        let first = chars.next().unwrap_or(' ');
        let second = chars.next();
        let word_after = |skip: usize| rest[skip..].find(|c: char| !is_word(c)).map_or(rest.len(), |i| i + skip);
        Ok(match first {
            '.' if second.is_some_and(is_word) && !second.is_some_and(|c| c.is_ascii_digit()) => {
                let end = word_after(1);
                (Token::Field(rest[1..end].to_owned()), end)
            }
            '.' if !second.is_some_and(|c| c.is_ascii_digit()) => (Token::Dot, 1),
            '$' => {
                let end = word_after(1);
                (Token::Variable(rest[..end].to_owned()), end)
            }
            '|' => (Token::Pipe, 1),
            '(' => (Token::LeftParen, 1),
            ')' => (Token::RightParen, 1),
            ',' => (Token::Comma, 1),
            ':' if second == Some('=') => (Token::Declare, 2),
            ':' => return Err(self.error_at(at, "expected :=")),
            '=' => (Token::Assign, 1),
            '"' => quoted(rest).ok_or_else(|| self.error_at(at, "unterminated quoted string"))?,
            '\'' => character(rest).ok_or_else(|| self.error_at(at, "unterminated character constant"))?,
            '`' => {
                let close = rest[1..].find('`').ok_or_else(|| self.error_at(at, "unterminated raw quoted string"))?;
                (Token::Constant(Value::String(rest[1..=close].to_owned())), close + 2)
            }
            c if c.is_ascii_digit() || c == '.' || (matches!(c, '-' | '+') && second.is_some_and(|d| d.is_ascii_digit() || d == '.')) => {
                number(rest).map_err(|bad| self.error_at(at, &format!("bad number syntax: {}", go(bad))))?
            }
            c if is_word(c) => {
                let end = word_after(0);
                (Token::Word(rest[..end].to_owned()), end)
            }
            c => (Token::Other(c), c.len_utf8()),
        })
    }

    fn current(&self) -> &Placed {
        // The last token is Eof and is never passed.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    /// Takes the next token.
    pub(super) fn take(&mut self) -> Result<Token, String> {
        let token = self.peek()?.clone();
        self.at += 1;
        Ok(token)
    }

    /// Looks at the next token.
    pub(super) fn peek(&self) -> Result<&Token, String> {
        match &self.current().token {
            Token::Bad(why) => Err(why.clone()),
            token => Ok(token),
        }
    }

    /// Where the next token starts.
    pub(super) fn offset(&self) -> usize {
        self.current().start
    }

    /// Whether a space stands before the next token.
    pub(super) fn spaced(&self) -> bool {
        self.current().spaced
    }

    /// A place to come back to.
    pub(super) fn mark(&self) -> usize {
        self.at
    }

    /// Comes back to a place.
    pub(super) fn reset(&mut self, mark: usize) {
        self.at = mark;
    }

    /// The template from `start` to the end of the token just taken.
    pub(super) fn source(&self, start: usize) -> String {
        let end = self.tokens.get(self.at.wrapping_sub(1)).map_or(start, |t| t.end);
        self.text.get(start..end).unwrap_or_default().to_owned()
    }

    /// Go's words for a template that cannot be read, at the next token.
    pub(super) fn error(&self, why: &str) -> String {
        let at = self.tokens.get(self.at.wrapping_sub(1)).map_or(self.text.len(), |t| t.start);
        self.error_at(at, why)
    }

    /// `unexpected X in CONTEXT`.
    pub(super) fn unexpected(&self, token: &Token, context: &str) -> String {
        let shown = match token {
            Token::Eof | Token::Bad(_) => "EOF".to_owned(),
            Token::Close => "\"}}\"".to_owned(),
            Token::Text(t) | Token::Word(t) | Token::Variable(t) => go(t),
            Token::Field(f) => format!("<.{f}>"),
            Token::Other(c) => go(&c.to_string()),
            Token::Pipe => "\"|\"".to_owned(),
            Token::Comma => "\",\"".to_owned(),
            Token::Assign => "\"=\"".to_owned(),
            Token::Declare => "\":=\"".to_owned(),
            Token::RightParen => "\")\"".to_owned(),
            Token::LeftParen => "\"(\"".to_owned(),
            Token::Dot => "<.>".to_owned(),
            Token::Open => "\"{{\"".to_owned(),
            Token::Constant(v) => v.to_string(),
        };
        self.error(&format!("unexpected {shown} in {context}"))
    }

    fn error_at(&self, at: usize, why: &str) -> String {
        let line = self.text[..at.min(self.text.len())].matches('\n').count() + 1;
        format!("template: :{line}: {why}")
    }
}

/// What Go trims at a `{{-` or `-}}`.
const SPACES: &[char] = &[' ', '\t', '\r', '\n'];

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Whether an action ends here; `Some(true)` with a trim marker, which needs a space before it.
fn closing(rest: &str, spaced: bool) -> Option<bool> {
    if rest.starts_with("}}") {
        return Some(false);
    }
    (spaced && rest.starts_with("-}}")).then_some(true)
}

fn quoted(rest: &str) -> Option<(Token, usize)> {
    let mut out = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((Token::Constant(Value::String(out)), at + 1)),
            '\n' => return None,
            '\\' => out.push(escaped(&mut chars)?),
            c => out.push(c),
        }
    }
    None
}

fn character(rest: &str) -> Option<(Token, usize)> {
    let mut chars = rest.char_indices().skip(1);
    let (_, first) = chars.next()?;
    let c = if first == '\\' { escaped(&mut chars)? } else { first };
    let (at, close) = chars.next()?;
    (close == '\'').then(|| (Token::Constant(Value::from(u32::from(c))), at + 1))
}

fn escaped(chars: &mut impl Iterator<Item = (usize, char)>) -> Option<char> {
    let (_, c) = chars.next()?;
    let hex = |chars: &mut dyn Iterator<Item = (usize, char)>, digits: usize| {
        let text: String = chars.take(digits).map(|(_, c)| c).collect();
        u32::from_str_radix(&text, 16).ok().and_then(char::from_u32)
    };
    Some(match c {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'v' => '\u{b}',
        'x' => return hex(chars, 2),
        'u' => return hex(chars, 4),
        'U' => return hex(chars, 8),
        '\\' | '"' | '\'' => c,
        _ => return None,
    })
}

fn number(rest: &str) -> Result<(Token, usize), &str> {
    let sign = usize::from(rest.starts_with(['-', '+']));
    let end = rest[sign..].find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_'))).map_or(rest.len(), |i| i + sign);
    let word = &rest[..end];
    if let Ok(whole) = crate::command::parse::parse_int(word) {
        return Ok((Token::Constant(Value::from(whole)), end));
    }
    match word.parse::<f64>() {
        Ok(real) if real.is_finite() => Ok((Token::Constant(Value::from(real)), end)),
        _ => Err(word),
    }
}
