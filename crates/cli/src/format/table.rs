//! Columns: Go's `tabwriter` as Docker sets it up (ten columns at least, three spaces between), over cells parted by tabs.

/// Least width of a column with its padding.
const CELL_MIN: usize = 10;
/// Spaces between columns.
const GAP: usize = 3;

/// Aligns the cells of `text`. Only cells that a tab ends have a width of their own, and a column ends at the first line
/// that does not reach it, as in Go.
pub(crate) fn align(text: &str) -> String {
    align_by(text, CELL_MIN)
}

/// The same with columns of at least twenty, as `top` has them.
pub(crate) fn align_wide(text: &str) -> String {
    align_by(text, 2 * CELL_MIN)
}

fn align_by(text: &str, least: usize) -> String {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let lines: Vec<Vec<&str>> = body.split('\n').map(|line| line.split('\t').collect()).collect();
    let mut widths: Vec<Vec<usize>> = lines.iter().map(|cells| vec![0; cells.len() - 1]).collect();
    let deepest = widths.iter().map(Vec::len).max().unwrap_or(0);
    for column in 0..deepest {
        let mut at = 0;
        while at < lines.len() {
            let run = widths[at..].iter().take_while(|w| w.len() > column).count();
            let widest = lines[at..at + run].iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0);
            let width = if widest == 0 { 0 } else { (widest + GAP).max(least) };
            for line in &mut widths[at..at + run] {
                line[column] = width;
            }
            at += run.max(1);
        }
    }
    let mut out = String::with_capacity(text.len() * 2);
    for (cells, widths) in lines.iter().zip(&widths) {
        for (at, cell) in cells.iter().enumerate() {
            out.push_str(cell);
            if let Some(width) = widths.get(at) {
                out.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count())));
            }
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::align;

    #[test]
    fn columns_line_up_as_dockers_do() {
        assert_eq!(align("DRIVER\tVOLUME NAME\nlocal\tdata\n"), "DRIVER    VOLUME NAME\nlocal     data\n");
        assert_eq!(
            align("CONTAINER ID\tIMAGE\tNAMES\n0123456789ab\tredis:latest\tr1"),
            "CONTAINER ID   IMAGE          NAMES\n0123456789ab   redis:latest   r1\n"
        );
        assert_eq!(align("one"), "one\n");
    }
}
