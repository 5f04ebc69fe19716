"""Runs ONNX models for the tests: one request a line, "MODEL<tab>INPUTS<tab>OUTPUTS<tab>CHECK", answered by "ok" or what went wrong.

Inputs and outputs are files of tensors one after another: four sizes (int32), then the values (float32). A model is checked by onnx.checker
when CHECK is 1 and it is a new one."""

import sys

import numpy
import onnx
import onnxruntime


def read(path):
    data = open(path, "rb").read()
    tensors, at = [], 0
    while at < len(data):
        shape = numpy.frombuffer(data, "<i4", 4, at)
        count = int(shape.prod())
        tensors.append(numpy.frombuffer(data, "<f4", count, at + 16).reshape(shape))
        at += 16 + 4 * count
    return tensors


def write(path, tensors):
    with open(path, "wb") as file:
        for tensor in tensors:
            if tensor.dtype != numpy.float32:
                raise ValueError(f"an output of type {tensor.dtype}")
            file.write(numpy.array(tensor.shape, "<i4").tobytes())
            file.write(numpy.ascontiguousarray(tensor, "<f4").tobytes())


sessions = {}


def run(model, inputs, outputs, check):
    if model not in sessions:
        if check == "1":
            onnx.checker.check_model(model, full_check=True)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        sessions.clear()
        sessions[model] = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
    session = sessions[model]
    names = [value.name for value in session.get_inputs()]
    write(outputs, session.run(None, dict(zip(names, read(inputs), strict=True))))


for line in sys.stdin:
    try:
        run(*line.rstrip("\n").split("\t"))
        print("ok", flush=True)
    except Exception as error:
        print(" ".join(f"{type(error).__name__}: {error}".split()), flush=True)
