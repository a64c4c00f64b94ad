//! Looking whether what the records promise is on the disk.

use stead_base::Digest;
use stead_store::Record;

use crate::{ImageRecord, Images, Result};

impl Images {
    /// What is wrong with which image: (id or name, problem). Nothing is changed; pulling or loading the image again mends it.
    ///
    /// # Errors
    /// The store's.
    pub fn check(&self) -> Result<Vec<(String, String)>> {
        let rows = self.store.read(|tx| tx.list::<ImageRecord>())?;
        let mut problems = Vec::new();
        for row in rows {
            let image = match row {
                Ok(image) => image,
                Err(bad) => {
                    problems.push((bad.id.clone(), bad.to_string()));
                    continue;
                }
            };
            match Digest::parse(&image.id) {
                Ok(id) => {
                    if let Err(error) = self.read_blob(&id) {
                        problems.push((image.id.clone(), error.to_string()));
                    }
                }
                Err(error) => problems.push((image.id.clone(), error.to_string())),
            }
            for layer in image.diff_ids() {
                match self.layers.get(layer) {
                    Ok(Some(_)) => {}
                    Ok(None) => problems.push((image.id().to_owned(), format!("layer {layer} is missing; pull or load the image again"))),
                    Err(fault) => problems.push((image.id().to_owned(), fault.to_string())),
                }
            }
        }
        Ok(problems)
    }
}
