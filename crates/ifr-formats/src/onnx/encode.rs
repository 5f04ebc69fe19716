//! From messages to bytes. Weights go straight from the parameters to the file: nothing holds the model whole.

use std::io::Write;

use half::f16;
use ifr_net::Parameters;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};

use super::OnnxError;
use super::body::{Data, Initializer, Stored};
use super::proto::{self, FLOAT, FLOAT16, GRAPH_INITIALIZER, INT64, MODEL_GRAPH, TENSOR_RAW_DATA};

/// What protobuf allows a message: readers count its bytes in 32 bits with a sign.
const LIMIT: u64 = i32::MAX as u64;

/// A model ready to be written.
pub(super) struct Encoder<'a> {
    /// Everything but the graph.
    pub(super) model: proto::Model,
    /// The graph without its initializers.
    pub(super) graph: proto::Graph,
    /// Names, shapes and data of those.
    pub(super) initializers: Vec<(String, Initializer)>,
    /// What they refer to.
    pub(super) parameters: &'a Parameters,
}

impl Encoder<'_> {
    /// Writes the model.
    pub(super) fn write(&self, out: &mut impl Write) -> Result<(), OnnxError> {
        let mut heads = Vec::new();
        let mut graph_len = self.graph.encoded_len() as u64;
        for (name, initializer) in &self.initializers {
            let head = self.head(name, initializer);
            graph_len += nested_len(GRAPH_INITIALIZER, self.tensor_len(&head, initializer));
            heads.push(head);
        }
        let bytes = self.model.encoded_len() as u64 + nested_len(MODEL_GRAPH, graph_len);
        if bytes > LIMIT {
            return Err(OnnxError::TooLarge { bytes });
        }
        out.write_all(&self.model.encode_to_vec())?;
        out.write_all(&nested_head(MODEL_GRAPH, graph_len))?;
        out.write_all(&self.graph.encode_to_vec())?;
        for (head, (_, initializer)) in heads.iter().zip(&self.initializers) {
            out.write_all(&nested_head(GRAPH_INITIALIZER, self.tensor_len(head, initializer)))?;
            out.write_all(&head.encode_to_vec())?;
            out.write_all(&nested_head(TENSOR_RAW_DATA, self.data_len(initializer)))?;
            self.write_data(initializer, out)?;
        }
        Ok(())
    }

    fn head(&self, name: &str, initializer: &Initializer) -> proto::TensorHead {
        let data_type = match initializer.data {
            Data::Ints(_) => INT64,
            Data::Floats(_) | Data::Param(_, Stored::AsIs | Stored::NonNegative, _) => FLOAT,
            Data::Param(_, Stored::Half, _) => FLOAT16,
        };
        proto::TensorHead { dims: initializer.dims.clone(), data_type, name: name.to_owned() }
    }

    fn tensor_len(&self, head: &proto::TensorHead, initializer: &Initializer) -> u64 {
        head.encoded_len() as u64 + nested_len(TENSOR_RAW_DATA, self.data_len(initializer))
    }

    fn data_len(&self, initializer: &Initializer) -> u64 {
        let bytes = match &initializer.data {
            Data::Ints(values) => 8 * values.len(),
            Data::Floats(bits) => 4 * bits.len(),
            Data::Param(id, stored, columns) => {
                let values = self.parameters.get(*id).len() / columns.of * columns.count;
                if *stored == Stored::Half { 2 * values } else { 4 * values }
            }
        };
        bytes as u64
    }

    /// Little-endian, whatever the machine.
    fn write_data(&self, initializer: &Initializer, out: &mut impl Write) -> Result<(), OnnxError> {
        match &initializer.data {
            Data::Ints(values) => in_pieces(values, |v| v.to_le_bytes(), out),
            Data::Floats(bits) => in_pieces(bits, |v| v.to_le_bytes(), out),
            Data::Param(id, stored, columns) => {
                let rows = self.parameters.get(*id).chunks_exact(columns.of);
                let mut rows = rows.map(|row| &row[columns.first..columns.first + columns.count]);
                rows.try_for_each(|row| match stored {
                    Stored::AsIs => in_pieces(row, |v| v.to_le_bytes(), out),
                    Stored::NonNegative => in_pieces(row, |v| v.max(0.0).to_le_bytes(), out),
                    Stored::Half => in_pieces(row, |v| f16::from_f32(*v).to_le_bytes(), out),
                })
            }
        }
    }
}

fn in_pieces<T, const N: usize>(
    values: &[T],
    bytes: impl Fn(&T) -> [u8; N],
    out: &mut impl Write,
) -> Result<(), OnnxError> {
    const PIECE: usize = 8192;
    let mut buffer = Vec::with_capacity(PIECE.min(values.len()) * N);
    for piece in values.chunks(PIECE) {
        buffer.clear();
        buffer.extend(piece.iter().flat_map(&bytes));
        out.write_all(&buffer)?;
    }
    Ok(())
}

/// What stands before a field of so many bytes.
fn nested_head(field: u32, len: u64) -> Vec<u8> {
    let mut head = Vec::new();
    encode_key(field, WireType::LengthDelimited, &mut head);
    encode_varint(len, &mut head);
    head
}

/// The bytes of a field that holds so many, head included.
fn nested_len(field: u32, len: u64) -> u64 {
    key_len(field) as u64 + encoded_len_varint(len) as u64 + len
}

#[cfg(test)]
mod tests {
    use ifr_net::{IfrNet, ParamId, Ratio};

    use super::*;
    use crate::onnx::body::Columns;

    /// So many initializers that are all the weight of IFRNet-L's first convolution: 37,632 bytes each.
    fn encoder(parameters: &Parameters, times: usize) -> Encoder<'_> {
        let graph = IfrNet::L.graph(Ratio::ONE).unwrap();
        let first = |id: &ParamId| graph.param(*id).name == "encoder.pyramid1.0.0.weight";
        let id = graph.param_ids().find(first).unwrap();
        let columns = Columns { first: 0, count: 147, of: 147 };
        let initializer =
            Initializer { dims: vec![64, 3, 7, 7], data: Data::Param(id, Stored::AsIs, columns) };
        Encoder {
            model: proto::Model::default(),
            graph: proto::Graph::default(),
            initializers: vec![("weight".to_owned(), initializer); times],
            parameters,
        }
    }

    #[test]
    fn more_than_protobuf_holds_is_refused_before_anything_is_written() {
        let parameters = Parameters::by_rule(&IfrNet::L.graph(Ratio::ONE).unwrap());
        let mut out = Vec::new();
        let error = encoder(&parameters, 60_000).write(&mut out).unwrap_err();
        assert!(matches!(error, OnnxError::TooLarge { bytes: 2_257_000_000..2_262_000_000 }), "{error}");
        assert!(out.is_empty());
        encoder(&parameters, 3).write(&mut out).unwrap();
        assert!((3 * 37_632..3 * 37_632 + 200).contains(&out.len()), "{}", out.len());
    }

    /// Lengths are computed before what they are the lengths of is written.
    #[test]
    fn lengths_are_right() {
        let parameters = Parameters::by_rule(&IfrNet::L.graph(Ratio::ONE).unwrap());
        let encoder = encoder(&parameters, 1);
        let initializer = &encoder.initializers[0].1;
        let head = encoder.head("weight", initializer);
        let mut data = Vec::new();
        encoder.write_data(initializer, &mut data).unwrap();
        assert_eq!(data.len() as u64, encoder.data_len(initializer));
        assert_eq!(encoder.tensor_len(&head, initializer) as usize, head.encoded_len() + 1 + 3 + data.len());
    }
}
