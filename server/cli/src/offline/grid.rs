//! Rows of metrics as text for people, for spreadsheets and for Markdown.

use coverage::Fraction;

/// Rows with one share for each metric; the last row is the whole.
pub(crate) struct Grid {
    /// Names of the metrics.
    pub(crate) metrics: Vec<&'static str>,
    /// Name and shares of each row.
    pub(crate) rows: Vec<(String, Vec<Fraction>)>,
}

impl Grid {
    /// In columns; with their names where there are several.
    pub(crate) fn text(&self) -> String {
        if self.metrics.len() == 1 {
            let first = |(name, shares): &(String, Vec<Fraction>)| {
                (name.clone(), shares.first().copied().unwrap_or_default())
            };
            return crate::table(&self.rows.iter().map(first).collect::<Vec<_>>());
        }
        let numbers = |share: &Fraction| format!("{:>6}  {}", percent(*share), ratio(*share));
        let mut cells: Vec<Vec<String>> = vec![vec![String::new()]];
        cells[0].extend(self.metrics.iter().map(|name| (*name).to_owned()));
        for (name, shares) in &self.rows {
            let mut row = vec![name.clone()];
            row.extend(shares.iter().map(numbers));
            cells.push(row);
        }
        let width = |column: usize| {
            let lengths = cells.iter().filter_map(|row| row.get(column));
            lengths.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..=self.metrics.len()).map(width).collect();
        let mut text = String::new();
        for row in &cells {
            let padded = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
            text += padded.collect::<Vec<_>>().join("  ").trim_end();
            text.push('\n');
        }
        text
    }

    /// As comma-separated values: for each metric covered and total.
    pub(crate) fn csv(&self) -> String {
        let mut text = String::from("name");
        for metric in &self.metrics {
            text += &format!(",{metric}_covered,{metric}_total");
        }
        text.push('\n');
        for (name, shares) in &self.rows {
            text += &quoted(name);
            for share in shares {
                text += &format!(",{},{}", share.covered, share.total);
            }
            text.push('\n');
        }
        text
    }

    /// As a table of Markdown; the whole stands last, in bold.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("| | {} |\n|---|", self.metrics.join(" | "));
        text += &"---:|".repeat(self.metrics.len());
        text.push('\n');
        for (index, (name, shares)) in self.rows.iter().enumerate() {
            let is_last = index + 1 == self.rows.len();
            let bold = if is_last { "**" } else { "" };
            let name = if is_last { name.clone() } else { format!("`{}`", escaped(name)) };
            let cells = shares.iter().map(|share| match share.total {
                0 => "-".to_owned(),
                _ => format!("{bold}{}{bold} ({})", percent(*share), ratio(*share)),
            });
            let cells = cells.collect::<Vec<_>>().join(" | ");
            text += &format!("| {bold}{name}{bold} | {cells} |\n");
        }
        text
    }
}

fn percent(share: Fraction) -> String {
    share.percent().map_or_else(|| "-".to_owned(), |percent| format!("{percent:.1}%"))
}

fn ratio(share: Fraction) -> String {
    format!("{}/{}", share.covered, share.total)
}

pub(crate) fn quoted(name: &str) -> String {
    // A spreadsheet takes what begins so for a formula.
    let name = match name.starts_with(['=', '+', '-', '@']) {
        true => format!("'{name}"),
        false => name.to_owned(),
    };
    if name.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", name.replace('"', "\"\""))
    } else {
        name
    }
}

fn escaped(name: &str) -> String {
    name.replace('|', "\\|").replace(['`', '\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let share = |covered, total| Fraction { covered, total };
        Grid {
            metrics: vec!["lines", "branches"],
            rows: vec![
                ("src/a,b.c".to_owned(), vec![share(1, 2), share(0, 0)]),
                ("=x|y`".to_owned(), vec![share(20, 20), share(1, 3)]),
                ("total".to_owned(), vec![share(21, 22), share(1, 3)]),
            ],
        }
    }

    #[test]
    fn columns_stand_under_their_names() {
        assert_eq!(
            grid().text(),
            "           lines          branches\nsrc/a,b.c   50.0%  1/2         -  0/0\n\
             =x|y`      100.0%  20/20   33.3%  1/3\ntotal       95.5%  21/22   33.3%  1/3\n"
        );
        let mut one = grid();
        one.metrics.truncate(1);
        assert!(one.text().starts_with("src/a,b.c   50.0%  1/2\n"));
    }

    #[test]
    fn spreadsheets_take_names_for_names() {
        assert_eq!(
            grid().csv(),
            "name,lines_covered,lines_total,branches_covered,branches_total\n\"src/a,b.c\",1,2,0,0\n\
             '=x|y`,20,20,1,3\ntotal,21,22,1,3\n"
        );
    }

    #[test]
    fn markdown_keeps_its_cells() {
        assert_eq!(
            grid().markdown(),
            "| | lines | branches |\n|---|---:|---:|\n| `src/a,b.c` | 50.0% (1/2) | - |\n\
             | `=x\\|y ` | 100.0% (20/20) | 33.3% (1/3) |\n| **total** | **95.5%** (21/22) | **33.3%** (1/3) |\n"
        );
    }
}
