//! Where the members of an object begin and end, in a text that comes in pieces.

use std::ops::Range;

/// Finds the members of the object that a text begins with.
///
/// It looks at each byte once, and knows of JSON only what it takes to tell members apart: brackets,
/// commas and quotes. Whether a member is JSON is for a parser to say.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// What was looked at.
    at: usize,
    /// Where the member begins.
    from: usize,
    place: Place,
    /// How deep in brackets.
    depth: usize,
    quotes: Quotes,
    /// The colon of the member was seen.
    in_value: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    BeforeObject,
    /// Behind the bracket that opens it.
    Opened,
    InMember,
    /// Behind a member and before a comma or the end.
    BehindMember,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Quotes {
    #[default]
    Outside,
    Inside,
    /// Behind a backslash.
    Escaped,
}

/// What comes next in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A member, name and value, without what separates it from the next.
    Member(Range<usize>),
    /// The end of the object.
    End,
    /// It is not known yet.
    Nothing,
    /// The text does not begin with an object.
    NoObject,
    /// No member can stand here.
    Misplaced,
}

impl Scan {
    /// Whether nothing was looked at yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.at == 0
    }

    /// Goes on behind a member that ends at `end`.
    pub(super) fn skip_to(&mut self, end: usize) {
        self.at = end;
        self.place = Place::BehindMember;
    }

    /// Goes on in `text`, which begins with what it was before.
    pub(super) fn next(&mut self, text: &[u8]) -> Found {
        while let Some(&byte) = text.get(self.at) {
            match self.place {
                Place::BeforeObject | Place::Opened | Place::BehindMember if is_space(byte) => {}
                Place::BeforeObject if byte == b'{' => self.place = Place::Opened,
                Place::BeforeObject => return Found::NoObject,
                Place::Opened | Place::BehindMember if byte == b'}' => return Found::End,
                Place::Opened => {
                    self.begin(self.at);
                    continue;
                }
                Place::BehindMember if byte == b',' => self.begin(self.at + 1),
                Place::BehindMember => return Found::Misplaced,
                Place::InMember => match self.ends_at(byte) {
                    None => {}
                    Some(end) => {
                        self.place = Place::BehindMember;
                        self.at = end;
                        return Found::Member(self.from..end);
                    }
                },
            }
            self.at += 1;
        }
        Found::Nothing
    }

    fn begin(&mut self, from: usize) {
        self.place = Place::InMember;
        self.from = from;
        self.in_value = false;
    }

    /// Returns where the member ends, if `byte` tells.
    fn ends_at(&mut self, byte: u8) -> Option<usize> {
        match (self.quotes, byte) {
            (Quotes::Escaped, _) => self.quotes = Quotes::Inside,
            (Quotes::Inside, b'\\') => self.quotes = Quotes::Escaped,
            (Quotes::Inside, b'"') => {
                self.quotes = Quotes::Outside;
                return (self.depth == 0 && self.in_value).then_some(self.at + 1);
            }
            (Quotes::Inside, _) => {}
            (Quotes::Outside, b'"') => self.quotes = Quotes::Inside,
            (Quotes::Outside, b'{' | b'[') => self.depth += 1,
            // Behind a number or a word, it is the end of the object.
            (Quotes::Outside, b'}' | b']') if self.depth == 0 => return Some(self.at),
            (Quotes::Outside, b'}' | b']') => {
                self.depth -= 1;
                return (self.depth == 0).then_some(self.at + 1);
            }
            (Quotes::Outside, b',') => return (self.depth == 0).then_some(self.at),
            (Quotes::Outside, b':') => self.in_value |= self.depth == 0,
            (Quotes::Outside, _) => {}
        }
        None
    }
}

/// Leaves out the white space, as JSON has it, at the beginning of `text`.
#[inline]
pub(super) fn trim_start(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&byte| !is_space(byte));
    &text[start.unwrap_or(text.len())..]
}

#[inline]
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
