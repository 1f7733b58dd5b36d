//! Lists of texts in the forms that systems write them in: a list, or one text with commas.

use crate::import::changes::Notes;
use crate::input::cursor::Value;

/// The texts of a list, or of one text with commas, without white space around them; absent is none.
pub fn comma_texts<'s>(value: Option<Value<'s>>, notes: &mut Notes) -> Vec<(Value<'s>, &'s str)> {
    let Some(value) = value else {
        return Vec::new();
    };
    let read = match value.text() {
        Some(text) => text.split(',').map(|text| (value.clone(), text)).collect(),
        None => notes.texts(Some(value)),
    };
    let read = read.into_iter().map(|(at, text)| (at, text.trim()));
    read.filter(|(_, text)| !text.is_empty()).collect()
}

/// The same as names: of headers, or of methods.
pub fn comma_names(value: Option<Value>, notes: &mut Notes) -> Vec<String> {
    let texts = comma_texts(value, notes).into_iter();
    texts.map(|(_, text)| text.to_owned()).collect()
}
