"""Trained counters as files of other runtimes: ONNX, torch.export and OpenVINO."""
