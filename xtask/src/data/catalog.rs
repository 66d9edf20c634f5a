//! The public data sets of the paper: where each is published, in what format, and what must come out.

/// Data sets that are fetched and stored together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Group {
    /// The seven regression sets of the paper's UCI table.
    Uci,
    /// The two-dimensional two-class set of the paper's third figure.
    Banana,
}

/// How a data set is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Numbers separated by blanks, no header.
    Whitespace,
    /// Numbers separated by this byte, below one header line.
    Delimited(u8),
    /// The first sheet of an `.xls` or `.xlsx` file, below one header row.
    Workbook,
    /// KEEL's text: header lines that begin with `@`, then numbers separated by commas.
    Keel,
}

/// One public data set.
#[derive(Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Short name, also that of the converted file.
    pub name: &'static str,
    /// What it is fetched with.
    pub group: Group,
    /// What it is, and who made it.
    pub about: &'static str,
    /// Where the original is published.
    pub url: &'static str,
    /// File name of the original (within the zip archive, if `url` is one).
    pub file: &'static str,
    /// Format of that file.
    pub format: Format,
    /// Rows of numbers in it.
    pub rows: usize,
    /// Columns in it; those after the ones kept are other targets.
    pub source_columns: usize,
    /// Names of the columns kept: the first ones of the original, the target last.
    pub columns: &'static [&'static str],
}

impl Dataset {
    /// Number of input columns.
    pub fn inputs(&self) -> usize {
        self.columns.len() - 1
    }

    /// File name at the end of [`Dataset::url`], which is the zip archive of [`Dataset::file`] where the two differ.
    pub fn published_file(&self) -> String {
        let name = self.url.rsplit('/').next().unwrap_or(self.url);
        name.replace("%20", " ")
    }

    /// Path of the converted file below the data directory: `uci/NAME.csv` or `banana.csv`.
    pub fn path_in(&self, dir: &std::path::Path) -> std::path::PathBuf {
        let file = format!("{}.csv", self.name);
        match self.group {
            Group::Uci => dir.join("uci").join(file),
            Group::Banana => dir.join(file),
        }
    }
}

/// The data sets of one group, in the order of [`DATASETS`].
pub fn group(group: Group) -> Vec<&'static Dataset> {
    DATASETS.iter().filter(|dataset| dataset.group == group).collect()
}

/// The data set of this name.
pub fn find(name: &str) -> Option<&'static Dataset> {
    DATASETS.iter().find(|dataset| dataset.name == name)
}

/// All data sets, in the order of the paper's table.
pub const DATASETS: &[Dataset] = &[
    Dataset {
        name: "boston",
        group: Group::Uci,
        about: "median house value by census tract, Boston 1970 (Harrison & Rubinfeld 1978)",
        url: "https://archive.ics.uci.edu/ml/machine-learning-databases/housing/housing.data",
        file: "housing.data",
        format: Format::Whitespace,
        rows: 506,
        source_columns: 14,
        columns: &[
            "CRIM", "ZN", "INDUS", "CHAS", "NOX", "RM", "AGE", "DIS", "RAD", "TAX", "PTRATIO", "B", "LSTAT",
            "MEDV",
        ],
    },
    Dataset {
        name: "concrete",
        group: Group::Uci,
        about: "compressive strength of concrete by mixture and age (Yeh 1998)",
        url: "https://archive.ics.uci.edu/ml/machine-learning-databases/concrete/compressive/Concrete_Data.xls",
        file: "Concrete_Data.xls",
        format: Format::Workbook,
        rows: 1030,
        source_columns: 9,
        columns: &[
            "cement",
            "blast_furnace_slag",
            "fly_ash",
            "water",
            "superplasticizer",
            "coarse_aggregate",
            "fine_aggregate",
            "age",
            "compressive_strength",
        ],
    },
    Dataset {
        name: "energy",
        group: Group::Uci,
        about: "heating load Y1 of simulated buildings; the cooling load Y2 is dropped (Tsanas & Xifara 2012)",
        url: "https://archive.ics.uci.edu/ml/machine-learning-databases/00242/ENB2012_data.xlsx",
        file: "ENB2012_data.xlsx",
        format: Format::Workbook,
        rows: 768,
        source_columns: 10,
        columns: &[
            "relative_compactness",
            "surface_area",
            "wall_area",
            "roof_area",
            "overall_height",
            "orientation",
            "glazing_area",
            "glazing_area_distribution",
            "heating_load",
        ],
    },
    Dataset {
        name: "naval",
        group: Group::Uci,
        about: "compressor decay of a simulated gas turbine; the turbine decay is dropped (Coraddu et al. 2014)",
        url: "https://archive.ics.uci.edu/ml/machine-learning-databases/00316/UCI%20CBM%20Dataset.zip",
        file: "data.txt",
        format: Format::Whitespace,
        rows: 11934,
        source_columns: 18,
        columns: &[
            "lever_position",
            "ship_speed",
            "gt_shaft_torque",
            "gt_rate_of_revolutions",
            "gas_generator_rate_of_revolutions",
            "starboard_propeller_torque",
            "port_propeller_torque",
            "hp_turbine_exit_temperature",
            "compressor_inlet_air_temperature",
            "compressor_outlet_air_temperature",
            "hp_turbine_exit_pressure",
            "compressor_inlet_air_pressure",
            "compressor_outlet_air_pressure",
            "turbine_exhaust_gas_pressure",
            "turbine_injection_control",
            "fuel_flow",
            "compressor_decay",
        ],
    },
    Dataset {
        name: "power",
        group: Group::Uci,
        about: "output of a combined cycle power plant by weather, first sheet (Tüfekci 2014)",
        url: "https://archive.ics.uci.edu/ml/machine-learning-databases/00294/CCPP.zip",
        file: "Folds5x2_pp.xlsx",
        format: Format::Workbook,
        rows: 9568,
        source_columns: 5,
        columns: &["AT", "V", "AP", "RH", "PE"],
    },
    Dataset {
        name: "wine",
        group: Group::Uci,
        about: "tasters' grade of red vinho verde by chemistry (Cortez et al. 2009)",
        url: "https://archive.ics.uci.edu/ml/machine-learning-databases/wine-quality/winequality-red.csv",
        file: "winequality-red.csv",
        format: Format::Delimited(b';'),
        rows: 1599,
        source_columns: 12,
        columns: &[
            "fixed_acidity",
            "volatile_acidity",
            "citric_acid",
            "residual_sugar",
            "chlorides",
            "free_sulfur_dioxide",
            "total_sulfur_dioxide",
            "density",
            "pH",
            "sulphates",
            "alcohol",
            "quality",
        ],
    },
    Dataset {
        name: "yacht",
        group: Group::Uci,
        about: "resistance of sailing yachts by hull form, Delft (Gerritsma et al. 1981)",
        url: "https://archive.ics.uci.edu/ml/machine-learning-databases/00243/yacht_hydrodynamics.data",
        file: "yacht_hydrodynamics.data",
        format: Format::Whitespace,
        rows: 308,
        source_columns: 7,
        columns: &[
            "longitudinal_position",
            "prismatic_coefficient",
            "length_displacement_ratio",
            "beam_draught_ratio",
            "length_beam_ratio",
            "froude_number",
            "residuary_resistance",
        ],
    },
    Dataset {
        name: "banana",
        group: Group::Banana,
        about: "two banana-shaped classes −1 and 1 in the plane (Alcalá-Fdez et al. 2011, KEEL)",
        url: "https://sci2s.ugr.es/keel/dataset/data/classification/banana.zip",
        file: "banana.dat",
        format: Format::Keel,
        rows: 5300,
        source_columns: 3,
        columns: &["At1", "At2", "Class"],
    },
];
