"""The float world, in the order in which data meets it.

stopping, scratch, children   the process: signals, temporary files, other programs
files       files and folders out; archives takes them out of a tar archive
sound_files files in and out, q15
schema      documents of others against what they may say
text        their names, harmless where they are read
sound_path    the constants of the path around the network, and its windows
stft        analysis and overlap-add, streaming and whole files
wiener      the 8 ms Wiener gain with its voice activity decision
features    what the network sees
gru_mask    one network: a real mask from magnitudes
gtcrn       the other: a complex mask from complex spectra
checkpoint  networks from and to files; checkpoint_file reads the bytes
pipeline    the whole path in float, streaming and whole files
onnx_export the network as a streaming ONNX file; gru_mask_graph and gtcrn.onnx_graph are its graphs
"""
