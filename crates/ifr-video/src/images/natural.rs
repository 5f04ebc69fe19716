use std::cmp::Ordering;

/// Compares names as people count: `frame2` before `frame10`. Runs of digits are compared as numbers of any length;
/// names that differ in leading zeros alone come in the order of their bytes.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    loop {
        let order = match (left.first(), right.first()) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (x, y) = (take_number(&mut left), take_number(&mut right));
                x.len().cmp(&y.len()).then_with(|| x.cmp(y))
            }
            (Some(x), Some(y)) => {
                let order = x.cmp(y);
                (left, right) = (&left[1..], &right[1..]);
                order
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Takes the digits at the start; returns them without leading zeros.
fn take_number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let length = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(length);
    *text = rest;
    let zeros = digits.iter().take_while(|&&b| b == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_as_numbers() {
        let mut names =
            ["f10", "f2", "f1", "f", "g1", "f2b", "f02", "f99999999999999999999999", "f2a10", "f2a9"];
        names.sort_by(|a, b| compare(a, b));
        let expected =
            ["f", "f1", "f02", "f2", "f2a9", "f2a10", "f2b", "f10", "f99999999999999999999999", "g1"];
        assert_eq!(names, expected);
    }
}
