"""The float world, in the order in which data meets it.

stopping, scratch, children  the process: signals, temporary files, other programs
files                        files and folders out
archives                     files out of a tar archive, on disk or in memory
sound_files                  sound in and out, q15
schema                       documents of others against what they may say
text                         their names, harmless where they are read
errors                       what is told to the user in one line
audio                        the path of the sound around a network: a chain of stages, one file a kind
gru_mask                     one network: a real mask from magnitudes
gtcrn                        another: a complex mask from complex spectra
deepfilternet                a third, of three ONNX graphs: gains of bands and a deep filter
checkpoint                   networks from and to files; checkpoint_file reads the bytes
pipeline                     the whole path in float, streaming and whole files
dense_graph                  dense layers of an ONNX graph, exact ones as two products of 8 bits
onnx_export                  the network as a streaming ONNX file; gru_mask_graph and gtcrn.onnx_graph are its graphs
"""
