"""One peer in its own process: reads the same made-up frames as `ifr bench`, runs when told to, says how long it took.

    worker.py PEER MODEL WIDTH HEIGHT THREADS

PEER is ncnn, onnxruntime or openvino; MODEL an ONNX file, or for ncnn the path without .param and .bin. Commands come in as lines:
`run N` answers with N times in seconds, `write FILE` writes the frame made last, `end` answers with the peak memory in bytes and
ends. Answers are JSON.
"""

import json
import os
import sys
import time

import numpy as np


def image(k, width, height):
    """The made-up frame `k` of `ifr bench`."""
    values = (np.arange(3 * width * height, dtype=np.int64) * 31 + k * 7919) % 1009
    return (values.astype(np.float32) / np.float32(1008)).reshape(1, 3, height, width)


def onnxruntime(model, threads, first, second, t):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    inputs = {"img0": first, "img1": second, "t": t}
    inputs = {name: inputs[name] for name in names}
    return lambda: session.run(None, inputs)[0]


def openvino(model, threads, first, second, t):
    import openvino as ov

    core = ov.Core()
    options = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1}
    compiled = core.compile_model(model, "CPU", options)
    request = compiled.create_infer_request()
    inputs = {"img0": first, "img1": second, "t": t}
    inputs = {i: inputs[next(iter(i.names))] for i in compiled.inputs}

    def run():
        # Without copies in and out.
        request.infer(inputs, share_inputs=True, share_outputs=True)
        return request.get_output_tensor(0).data

    return run


def ncnn(model, threads, first, second, t):
    import ncnn as n

    net = n.Net()
    net.opt.num_threads = threads
    net.opt.use_vulkan_compute = False
    # f32 throughout; Winograd, packing and assembly kernels are on of themselves, and so is the best instruction set.
    for name in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
        setattr(net.opt, name, False)
    for name in ("use_winograd_convolution", "use_sgemm_convolution", "use_packing_layout"):
        setattr(net.opt, name, True)
    if net.load_param(model + ".param") or net.load_model(model + ".bin"):
        raise SystemExit(f"ncnn cannot load {model}")
    inputs = [n.Mat(first[0]).clone(), n.Mat(second[0]).clone(), n.Mat(t[0]).clone()]

    def run():
        extractor = net.create_extractor()
        for i, value in enumerate(inputs):
            extractor.input(f"in{i}", value)
        return extractor.extract("out0")[1]

    return run


def peak_memory():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


def main():
    peer, model, width, height, threads = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
    first, second = image(1, width, height), image(2, width, height)
    t = np.full((1, 1, 1, 1), 0.5, np.float32)
    run = {"ncnn": ncnn, "onnxruntime": onnxruntime, "openvino": openvino}[peer](model, threads, first, second, t)
    result = run()  # does not count

    def answer(value):
        print(json.dumps(value), flush=True)

    answer("ready")
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        if command == "run":
            times, processor = [], time.process_time()
            for _ in range(int(argument)):
                start = time.perf_counter()
                result = run()
                times.append(time.perf_counter() - start)
            answer({"seconds": times, "processor": (time.process_time() - processor) / len(times)})
        elif command == "write":
            np.ascontiguousarray(np.array(result), dtype="<f4").tofile(argument)
            answer("written")
        elif command == "end":
            answer({"peak": peak_memory()})
            return
    sys.exit("the other end is gone")


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # peers take their time to end
