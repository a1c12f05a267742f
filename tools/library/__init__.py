"""The functions of the library, a file each: `import stapes` gives them, and the command of the same name prints what they return.

They print nothing: results are values, doubts are warnings of the category `models.errors.Remark`, and how far the work is goes to
`tools.progress`.

stream    a network of whole recordings becomes one of one frame a call
fit       an audiogram becomes a fitting
quantize  a network becomes a bundle
networks  what may stand for a network: a file, a torch module, an ONNX model in memory
sound     the sound path of a bundle as it was given: front end, fitting, controls, programs
golden    the golden vectors of a bundle, and how far its integers are from float
export    a bundle becomes C, a package or one of its files
steer     latents become changes of controls
simulate  sound or frames through a bundle
regress   all engines held to the same bits
inspect   what a bundle holds and costs
evaluate  a bundle scored against clean speech
doctor    what is installed, what is missing, what does not work
"""
