//! Tables of a Markdown page that a test writes.

/// `page` with `table` in place of what stands between the two comments that name it.
pub(crate) fn with_table(page: &str, name: &str, table: &str) -> String {
    let [start, end] = [format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->")];
    let (before, rest) = page.split_once(&start).unwrap_or_else(|| panic!("the page has no {start}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("the page has no {end}"));
    format!("{before}{start}\n{table}\n{end}{after}")
}
