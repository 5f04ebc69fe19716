//! The networks of ifr as graphs: IFRNet S, B and L; parameters, safetensors, cost.
