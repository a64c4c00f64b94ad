//! Plugs the layer room into the image room, which must not know it.

use std::io::{Read, Write};
use std::sync::Arc;

use stead_base::digest::Digest;
use stead_image::{LayerFault, LayerHold, LayerInfo, LayerStore};
use stead_layer::{Error, Hold, Layer, Layers};

/// The layers of this root, as the image room asks for them.
#[derive(Debug)]
pub(crate) struct LayerPort(pub(crate) Arc<Layers>);

/// Keeps layers from disappearing.
#[derive(Debug)]
struct PortHold {
    _hold: Hold,
}

impl LayerHold for PortHold {}

fn fault(error: Error) -> LayerFault {
    LayerFault { kind: error.kind(), source: Box::new(error) }
}

fn info(layer: Layer) -> LayerInfo {
    LayerInfo { diff_id: layer.diff_id, size: layer.size, tar_size: layer.tar_size }
}

impl LayerStore for LayerPort {
    fn hold(&self) -> Result<Box<dyn LayerHold>, LayerFault> {
        Ok(Box::new(PortHold { _hold: self.0.hold().map_err(fault)? }))
    }

    fn get(&self, diff_id: &Digest) -> Result<Option<LayerInfo>, LayerFault> {
        Ok(self.0.get(diff_id).map_err(fault)?.map(info))
    }

    fn unpack(&self, stream: &mut (dyn Read + Send), expected: Option<&Digest>) -> Result<LayerInfo, LayerFault> {
        self.0.unpack(stream, expected).map(info).map_err(fault)
    }

    fn assemble(&self, diff_id: &Digest, out: &mut dyn Write) -> Result<u64, LayerFault> {
        self.0.assemble(diff_id, out).map_err(fault)
    }

    fn list(&self) -> Result<Vec<Digest>, LayerFault> {
        self.0.list().map_err(fault)
    }

    fn remove(&self, diff_id: &Digest, unused: &dyn Fn() -> bool) -> Result<bool, LayerFault> {
        self.0.remove(diff_id, unused).map_err(fault)
    }
}
