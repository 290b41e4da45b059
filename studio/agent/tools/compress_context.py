"""compress_context: asks for the conversation to be replaced by a summary; the run does it when the step is done."""

from studio.agent.tool import NoArguments, Tool, ToolContext


async def carry_out(context: ToolContext, arguments: NoArguments) -> str:
    """The wish is in the journal with this answer; a call is never parted from its result."""
    return "When this step is done, the conversation is replaced by a summary. The files and the author's notes stay."


TOOL = Tool(
    "compress_context",
    "Replace the conversation so far by a summary, to make room. Files and the author's notes stay.",
    NoArguments,
    carry_out,
)
